// Runs one side of a comparison in its own process: its effects on the heap, on compiled code, or by async hooks (which
// slow down every promise of a process) must not be attributed to the other side.
import { fork } from 'node:child_process'
import { once as next } from 'node:events'
import { fileURLToPath } from 'node:url'

const CHILD = fileURLToPath(new URL('./apart-child.mjs', import.meta.url))

/** @typedef {Awaited<ReturnType<typeof apart>>} Apart */

/** Calls an exported function, which returns a `Side`. @param {string} module as `import.meta.url` @param {string} name @param {...unknown} args as JSON */
export async function apart(module, name, ...args) {
  const child = fork(CHILD, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const left = next(child, 'exit')
  /** @param {object} request @returns {Promise<any>} */
  async function ask(request) {
    child.send(request)
    const gone = left.then(([code]) => [{ error: `${name} ended with ${code} while it was asked` }])
    const [answer] = await Promise.race([next(child, 'message'), gone])
    if (answer.error !== undefined) throw new Error(answer.error)
    return answer.value
  }
  const { what } = await ask({ open: [module, name, args] }).catch((error) => {
    // Still connected, it would keep both processes alive for ever.
    if (child.connected) child.disconnect()
    throw error
  })
  return {
    what: /** @type {string} */ (what),
    /** @param {number} callers @param {number} sliceMs @returns {Promise<import('./slice.mjs').Done>} */
    slice: (callers, sliceMs) => ask({ slice: [callers, sliceMs] }),
    /** @param {number} perSecond @param {number} forMs @returns {Promise<import('./open-loop.mjs').Loop>} */
    openLoop: (perSecond, forMs) => ask({ openLoop: [perSecond, forMs] }),
    async close() {
      await ask({ close: true })
      child.disconnect()
      await left
    },
  }
}
