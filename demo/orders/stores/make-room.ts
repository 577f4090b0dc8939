import { OnlyonceError } from 'onlyonce'
import { UsageError } from '../options.ts'
import type { Room } from './place.ts'
import { PLACES } from './places.ts'
import type { StoreName } from './store-names.ts'

/** Nobody answers at the store's URL, or not as it should. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable'
}

/** Before anything runs: a store that cannot be used is no fault of the shop's. @throws UsageError, Unreachable */
export async function makeRoom(store: StoreName, url: string): Promise<Room> {
  try {
    return await (await PLACES[store]()).makeRoom(url)
  } catch (error) {
    // An invalid URL is quoted in full by some errors, and may hold a password.
    if ((error as NodeJS.ErrnoException).code === 'ERR_INVALID_URL')
      throw new UsageError(`--store is not a URL: write ${store}://user:password@host:port/name`)
    if (OnlyonceError.is(error) && error.code === 'OPTION_INVALID') throw new UsageError(`--store: ${error.message}`)
    throw new Unreachable(`the ${store} of --store cannot be used, nothing was started: ${(error as Error).message}`)
  }
}
