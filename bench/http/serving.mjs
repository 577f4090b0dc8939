// Servers in their own processes, so that the cost of each can be measured.
import { fork } from 'node:child_process'
import { once as next } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** @typedef {{ what: string, pid: number, port: number, close: () => Promise<void> }} Serving */

/** Starts `module`, which sends its port in a message. @param {URL} module @param {readonly string[]} args @param {string} what @returns {Promise<Serving>} */
export function serving(module, args, what) {
  const child = fork(fileURLToPath(module), args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  return started(
    child,
    what,
    next(child, 'message').then(([{ port }]) => port),
  )
}

const COMMAND = new URL('../../dist/cli/main.js', import.meta.url)

/** Starts `onlyonce proxy` with `flags`; it prints its address. @param {readonly string[]} flags @param {string} what @returns {Promise<Serving>} */
export function servingProxy(flags, what) {
  const args = ['proxy', '--listen', '0', '--scope-public', ...flags]
  const child = fork(fileURLToPath(COMMAND), args, { stdio: ['ignore', 'inherit', 'pipe', 'ipc'] })
  /** @type {Promise<number>} */
  const told = new Promise((resolve) => {
    createInterface({ input: /** @type {import('node:stream').Readable} */ (child.stderr) }).on('line', (line) => {
      const port = /^Guarding .* at http:\S+:(\d+)$/.exec(line)?.[1]
      if (port === undefined) console.error(`${what}: ${line}`)
      else resolve(Number(port))
    })
  })
  return started(child, what, told)
}

/** @param {import('node:child_process').ChildProcess} child @param {string} what @param {Promise<number>} told @returns {Promise<Serving>} */
async function started(child, what, told) {
  const left = next(child, 'exit')
  const ended = left.then(() => {
    throw new Error(`${what}: its process ended before it listened`)
  })
  const port = await Promise.race([told, ended])
  ended.catch(() => {})
  return {
    what,
    pid: /** @type {number} */ (child.pid),
    port,
    async close() {
      child.kill()
      await left
    },
  }
}
