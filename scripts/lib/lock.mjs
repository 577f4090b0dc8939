import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { cacheDir } from './paths.mjs'

/** A lock directory of this age without an owner file was left by a process that died between the two calls. */
const OWNERLESS_MS = 10_000
const GIVE_UP_MS = 15 * 60_000
/** @type {Readonly<Record<string, string>>} */
const DOES = {
  bootstrap: 'is installing or building',
  'bench-vs': 'is installing other libraries',
  'services-up': 'is starting or ending services',
  'services-jars': 'is downloading jars',
  'services-install': 'is installing servers',
}

/**
 * Runs `work` while no other process of this checkout runs work under the same name.
 * `mkdir` is atomic everywhere, which is all this needs.
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(name, work) {
  const dir = join(cacheDir, `${name}.lock`)
  mkdirSync(cacheDir, { recursive: true })
  await acquire(dir, name)
  const release = () => rmSync(dir, { recursive: true, force: true })
  process.once('exit', release)
  try {
    return await work()
  } finally {
    process.off('exit', release)
    release()
  }
}

/** @param {string} dir @param {string} name */
async function acquire(dir, name) {
  const start = Date.now()
  for (let told = false; ; told = true) {
    if (take(dir)) return
    stealIfStale(dir)
    // What was left behind by a process that is gone is no reason to wait, nor to say that somebody works.
    if (take(dir)) return
    if (Date.now() - start > GIVE_UP_MS) throw new Error(`still locked by another process; remove ${dir} if none runs`)
    if (!told) console.error(`onlyonce: another process ${DOES[name] ?? 'is at work'}; waiting for it`)
    await sleep(150)
  }
}

/** @param {string} dir */
function take(dir) {
  try {
    mkdirSync(dir)
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
  writeFileSync(join(dir, 'owner'), String(process.pid))
  return true
}

/**
 * Two waiters may see the same dead owner. Without the second lock the slower one would remove
 * the directory that the faster one has just taken.
 * @param {string} dir
 */
function stealIfStale(dir) {
  if (!isStale(dir)) return
  const steal = `${dir}.steal`
  if (!take(steal)) {
    if (isStale(steal)) rmSync(steal, { recursive: true, force: true })
    return
  }
  if (isStale(dir)) rmSync(dir, { recursive: true, force: true })
  rmSync(steal, { recursive: true, force: true })
}

/** @param {string} dir */
function isStale(dir) {
  try {
    const owner = readFileSync(join(dir, 'owner'), 'utf8')
    if (owner !== '') return !isAlive(Number(owner))
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
  const made = statSync(dir, { throwIfNoEntry: false })
  return made !== undefined && Date.now() - made.mtimeMs > OWNERLESS_MS
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}

/** @param {unknown} error */
const codeOf = (error) => /** @type {NodeJS.ErrnoException} */ (error).code
