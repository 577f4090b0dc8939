// The child of apart.mjs: opens one side, and serves requests until it is disconnected.
import { openLoop, percentiles } from './open-loop.mjs'
import { runSlice } from './slice.mjs'

/** @type {import('./slice.mjs').Side} */
let side

/** @param {any} request */
async function answer(request) {
  if (request.open !== undefined) {
    const [module, name, args] = request.open
    side = await (await import(module))[name](...args)
    return { what: side.what }
  }
  if (request.slice !== undefined) return runSlice(side, request.slice[0], request.slice[1])
  if (request.openLoop !== undefined) {
    const [perSecond, forMs] = request.openLoop
    const { latencies, ...rest } = await openLoop(async (n) => side.run(n), perSecond, forMs)
    return { ...rest, ...percentiles(latencies) }
  }
  return side.close?.()
}

process.on('message', (request) => {
  void answer(request).then(
    (value) => process.send?.({ value: value ?? null }),
    (error) => process.send?.({ error: error instanceof Error ? error.stack : String(error) }),
  )
})
// Exits whatever handles a library keeps open.
process.on('disconnect', () => process.exit())
