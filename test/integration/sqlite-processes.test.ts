import { type ChildProcess, spawn } from 'node:child_process'
import { beforeAll, describe, expect, it } from 'vitest'
import { bundled } from '../support/bundle.ts'
import { sleepMs } from '../support/waiting.ts'
import { all, rawDatabase, storeOn, tempFile } from './sqlite-helpers.ts'

let worker = ''

beforeAll(async () => {
  worker = await bundled('test/integration/sqlite-worker.ts')
})

interface Child {
  readonly process: ChildProcess
  readonly lines: string[]
  readonly ended: Promise<number | null>
  errors(): string
}

function start(...args: string[]): Child {
  const child = spawn(process.execPath, ['--no-warnings', worker, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const lines: string[] = []
  let errors = ''
  let rest = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
  })
  child.stderr?.on('data', (chunk: Buffer) => (errors += chunk))
  const ended = new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)))
  return { process: child, lines, ended, errors: () => errors }
}

async function until(condition: () => boolean, child: Child): Promise<void> {
  while (!condition() && child.process.exitCode === null && child.process.signalCode === null) await sleepMs(2)
}

describe('several processes on one file', () => {
  it('in atomic mode, killed again and again, leave exactly one effect per key, and everyone gets its answer', async () => {
    const KEYS = 200
    const path = tempFile()
    const store = storeOn(path)
    await store.transaction(async (tx) => tx.exec('CREATE TABLE effects (key TEXT, fence INTEGER, pid INTEGER)'))
    const answers = new Map<string, Set<string>>()
    let kills = 0
    const collect = ({ lines }: Child) => {
      for (const line of lines) {
        const [, number = '', answer = ''] = /^answer (\d+) (.*)$/.exec(line) ?? []
        if (number !== '') answers.set(number, (answers.get(number) ?? new Set()).add(answer))
      }
    }
    const victims = Array.from({ length: 3 }, async () => {
      for (let life = 0; life < 5; life++) {
        const child = start('atomic', path, String(KEYS))
        await until(() => child.lines.length > 3, child)
        await sleepMs(Math.random() * 40)
        if (child.process.kill('SIGKILL')) kills++
        await child.ended
        collect(child)
      }
    })
    await Promise.all(victims)
    const survivors = [start('atomic', path, String(KEYS)), start('atomic', path, String(KEYS))]
    for (const child of survivors) {
      expect(await child.ended, child.errors()).toBe(0)
      expect(child.lines.at(-1)).toBe('finished')
      collect(child)
    }
    expect(kills).toBeGreaterThan(8)
    const db = await rawDatabase(path)
    const effects = all(db, 'SELECT key, fence, pid, count(*) AS n FROM effects GROUP BY key')
    expect(effects).toHaveLength(KEYS)
    expect(effects.filter(({ n }) => n !== 1)).toEqual([])
    for (const { key, fence, pid } of effects) {
      const given = answers.get(String(key).slice('key-'.length))
      expect([...(given ?? [])], String(key)).toEqual([JSON.stringify({ pid, fence })])
    }
    expect(all(db, 'PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }])
  }, 120_000)

  it('in leased mode, undisturbed, run each effect once', async () => {
    const path = tempFile()
    const children = Array.from({ length: 4 }, () => start('leased', path, '100'))
    const effects: string[] = []
    for (const child of children) {
      expect(await child.ended, child.errors()).toBe(0)
      effects.push(...child.lines.filter((line) => line.startsWith('effect')))
    }
    expect(effects).toHaveLength(100)
    expect(new Set(effects).size).toBe(100)
  }, 60_000)

  it('that migrate at once do it once', async () => {
    const path = tempFile()
    const children = Array.from({ length: 5 }, () => start('migrate', path))
    const said: string[] = []
    for (const child of children) {
      expect(await child.ended, child.errors()).toBe(0)
      said.push(...child.lines)
    }
    expect(said.sort()).toEqual(['0 1', '1 1', '1 1', '1 1', '1 1'])
    expect(await storeOn(path).check()).toMatchObject({ ok: true, problems: [] })
  }, 60_000)
})
