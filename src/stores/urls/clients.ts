import { OnlyonceError, reasonOf } from '../../core/errors.ts'
import type { Store } from '../../core/store.ts'

/**
 * Imports the first of these modules that can be loaded. The specifier is a variable, so that bundlers and the compiler
 * do not require packages that are not installed.
 * @throws OnlyonceError STORE_UNAVAILABLE saying what to install
 */
export async function firstInstalled<Module>(scheme: string, modules: readonly string[]): Promise<Module> {
  const broken: string[] = []
  for (const name of modules) {
    try {
      return (await import(name)) as Module
    } catch (error) {
      const { code } = Object(error) as { code?: unknown }
      if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND')
        broken.push(` ${name} cannot be loaded (${reasonOf(error)});`)
    }
  }
  const [first] = modules.map((name) => name.replace(/\/.*/, ''))
  throw new OnlyonceError(
    'STORE_UNAVAILABLE',
    `a ${scheme} URL needs a client:${broken.join('')} run \`npm install ${first}\` beside onlyonce`,
  )
}

/** Makes a store also close the client that was created for it. */
export function owning<S extends Store>(store: S, close: () => Promise<unknown>): S {
  const dispose = store[Symbol.asyncDispose].bind(store)
  let closing: Promise<void> | undefined
  return Object.assign(store, {
    [Symbol.asyncDispose]() {
      closing ??= (async () => {
        try {
          await dispose()
        } finally {
          await close()
        }
      })()
      return closing
    },
  })
}
