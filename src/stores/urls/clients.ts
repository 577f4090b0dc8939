import { OnlyonceError, reasonOf } from '../../core/errors.ts'
import type { Store } from '../../core/store.ts'

/**
 * The first of these packages that is installed. A variable specifier keeps bundlers and the compiler from asking for
 * what is not there.
 * @throws OnlyonceError STORE_UNAVAILABLE saying what to install
 */
export async function firstInstalled<Module>(scheme: string, packages: readonly string[]): Promise<Module> {
  const broken: string[] = []
  for (const name of packages) {
    try {
      return (await import(name)) as Module
    } catch (error) {
      const { code } = Object(error) as { code?: unknown }
      if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND')
        broken.push(` ${name} cannot be loaded (${reasonOf(error)});`)
    }
  }
  const [first = ''] = packages
  throw new OnlyonceError(
    'STORE_UNAVAILABLE',
    `a ${scheme} URL needs a client:${broken.join('')} run \`npm install ${first}\` beside onlyonce`,
  )
}

/** A store that closes with itself the client that was made for it. */
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
