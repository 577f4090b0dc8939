import { AsyncLocalStorage } from 'node:async_hooks'

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** A broker that was killed may need this long to be usable again. */
const PATIENCE_MS = 60_000

/** How long `until` waits within a case. */
export const patience = new AsyncLocalStorage<number>()

/** Waits until `holds` returns true; errors count as false. @throws if that takes too long */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + (patience.getStore() ?? PATIENCE_MS)
  for (;;) {
    let reason = 'it is not so'
    try {
      if (await holds()) return
    } catch (error) {
      reason = String(error)
    }
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}: ${reason}`)
    await pause(15)
  }
}

/** A promise that the case resolves by `open`. */
export function gate(): { readonly passed: Promise<void>; open(): void } {
  let open = () => {}
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { passed, open }
}
