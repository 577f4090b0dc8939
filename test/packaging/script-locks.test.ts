import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { root } from '../built.ts'
import { later } from '../support/leftovers.ts'

/** Takes a lock in a checkout of its own where a process with this id has one. Answers what was said meanwhile. */
async function lockBehind(owner: number, name: string, freeAfterMs = 60_000): Promise<string> {
  const place = mkdtempSync(join(tmpdir(), 'onlyonce-lock-'))
  later(() => rmSync(place, { recursive: true, force: true }))
  cpSync(join(root, 'scripts/lib'), join(place, 'scripts/lib'), { recursive: true })
  const lock = join(place, '.cache', `${name}.lock`)
  mkdirSync(lock, { recursive: true })
  writeFileSync(join(lock, 'owner'), String(owner))
  const script = `import { withLock } from './scripts/lib/lock.mjs'\nawait withLock('${name}', async () => {})`
  const taking = spawn(process.execPath, ['--input-type=module', '--eval', script], { cwd: place })
  let said = ''
  taking.stderr.on('data', (chunk) => {
    said += chunk
    if (said.includes('waiting')) setTimeout(() => rmSync(lock, { recursive: true, force: true }), freeAfterMs)
  })
  await new Promise((resolve) => taking.on('close', resolve))
  return said
}

/** No process has it: Linux and macOS stop far below. */
const GONE = 99_999_999

it('a lock that a process left behind when it was ended by Ctrl-C is taken at once, without a word', async () => {
  expect(await lockBehind(GONE, 'services-up')).toBe('')
})

it.each([
  ['services-up', 'is starting or ending services'],
  ['bootstrap', 'is installing or building'],
])('a caller that waits for %s says for what', async (name, does) => {
  expect(await lockBehind(process.pid, name, 10)).toBe(`onlyonce: another process ${does}; waiting for it\n`)
})
