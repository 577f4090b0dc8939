import { spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { root } from '../built.ts'
import { describeWithFresh } from '../support/services.ts'
import { until } from '../support/waiting.ts'

let place = ''
let env: NodeJS.ProcessEnv = {}

/** A copy, which remembers its services in a place of its own: what a developer has running stays as it is. */
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'onlyonce-services-up-'))
  for (const folder of ['services', 'scripts/lib']) cpSync(join(root, folder), join(place, folder), { recursive: true })
  mkdirSync(join(place, 'tmp'))
  env = { ...process.env, TMPDIR: join(place, 'tmp') }
  for (const name of Object.keys(env)) if (/^ONLYONCE_TEST_.*_URL$/.test(name)) delete env[name]
})
afterEach(() => {
  services('down')
  rmSync(place, { recursive: true, force: true })
})

function services(...argv: string[]): string {
  return spawnSync(process.execPath, ['services/index.mjs', ...argv], { cwd: place, env, encoding: 'utf8' }).stdout
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const folders = () => readdirSync(join(place, 'tmp'))
const stateFile = () => join(place, '.cache/services/redis.json')
const remembered = () =>
  JSON.parse(readFileSync(stateFile(), 'utf8')) as { processes: { pid: number; started: string }[] }

describeWithFresh('redis-sentinel', () => {
  it.each(['SIGINT', 'SIGKILL'] as const)('`up` that ends by %s on the way leaves nothing behind', async (signal) => {
    const up = spawn(process.execPath, ['services/index.mjs', 'up', 'redis-sentinel'], { cwd: place, env })
    const masterLog = () => join(place, 'tmp', folders()[0] ?? '', 'master', 'master.log')
    const said = () => (existsSync(masterLog()) ? readFileSync(masterLog(), 'utf8') : '')
    await until('the master is ready', () => said().includes('Ready to accept'))
    const pid = Number(/^(\d+):M /m.exec(said())?.[1])
    expect(isAlive(pid)).toBe(true)
    up.kill(signal)
    await until('process and folder are gone', () => !isAlive(pid) && folders().length === 0, 20_000)
    expect(services('status')).toBe('nothing runs\n')
  })
})

describeWithFresh('redis', () => {
  it('what `up` has started outlives it, until `down`', async () => {
    expect(services('up', 'redis')).toMatch(/^redis redis:/)
    const pid = remembered().processes[0]?.pid as number
    // The guardian would need a moment, too.
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect([isAlive(pid), folders().length]).toEqual([true, 1])
    expect(services('up', 'redis')).toMatch(/^redis redis:/)
    expect(remembered().processes[0]?.pid).toBe(pid)
    expect(services('down')).toBe('redis ended\n')
    await until('it is gone', () => !isAlive(pid))
    expect(folders()).toEqual([])
  })

  it.runIf(process.platform === 'linux')('a wall clock that was set hides nothing of it', () => {
    services('up', 'redis')
    // What `ps` would have said before the step.
    const other = readFileSync(stateFile(), 'utf8').replace(/"started": ".*"/g, '"started": "Thu Jan 1 00:00:00 1970"')
    writeFileSync(stateFile(), other)
    expect(services('status')).toMatch(/ runs\n$/)
  })

  it('a process that was given the number of ours is not taken for it', () => {
    services('up', 'redis')
    const [server] = remembered().processes
    const pid = server?.pid as number
    try {
      writeFileSync(stateFile(), readFileSync(stateFile(), 'utf8').replace(`"pid": ${pid}`, `"pid": ${process.pid}`))
      expect(services('status')).toContain(' 0 of 1 processes run')
    } finally {
      process.kill(pid, 'SIGKILL')
    }
  })
})
