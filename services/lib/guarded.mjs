// This process's connection to its guardian: one for all servers it starts.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** @typedef {ReturnType<typeof guarded>} Guard */

/** @type {import('node:net').Socket | undefined} */
let pipe

/** The guardian ends all registered processes and removes all registered folders once this process is gone. */
export function guarded() {
  return {
    /** @param {number} pid */
    process: (pid) => tell('process', pid),
    /** @param {number} pid */
    forget: (pid) => tell('forget', pid),
    /** @param {string} path */
    folder: (path) => tell('folder', path),
    /** @param {string} path */
    done: (path) => tell('done', path),
    /** Waits until all messages are written: without the message to forget a process, the guardian ends it with us. */
    async told() {
      const guardian = pipe
      if (guardian === undefined) return
      guardian.ref()
      try {
        await new Promise((resolve) => guardian.write('', resolve))
      } finally {
        guardian.unref()
      }
    },
  }
}

/** @param {string} what @param {string | number} value */
function tell(what, value) {
  pipe ??= startGuardian()
  pipe.write(`${JSON.stringify([what, String(value)])}\n`)
}

function startGuardian() {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./guardian.mjs', import.meta.url))], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: {},
  })
  const stdin = /** @type {import('node:net').Socket} */ (child.stdin)
  child.on('error', (error) => console.error(`onlyonce: test servers may outlive this process: ${error.message}`))
  stdin.on('error', () => {})
  // Neither of the two keeps this process alive.
  child.unref()
  stdin.unref()
  return stdin
}
