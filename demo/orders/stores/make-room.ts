import { OnlyonceError } from 'onlyonce'
import { UsageError } from '../options.ts'
import type { Room } from './place.ts'
import { PLACES } from './places.ts'
import type { StoreName } from './store-names.ts'

/** The store's URL cannot be reached, or does not answer as it should. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable'
}

/** Runs first, so that an unusable store is not taken for a fault of the shop. @throws UsageError, Unreachable */
export async function makeRoom(store: StoreName, url: string): Promise<Room> {
  try {
    return await (await PLACES[store]()).makeRoom(url)
  } catch (error) {
    // Some errors quote an invalid URL in full, and it may hold a password.
    if ((error as NodeJS.ErrnoException).code === 'ERR_INVALID_URL')
      throw new UsageError(`--store is not a URL: write ${store}://user:password@host:port/name`)
    if (OnlyonceError.is(error) && error.code === 'OPTION_INVALID') throw new UsageError(`--store: ${error.message}`)
    throw new Unreachable(`the ${store} of --store cannot be used, nothing was started: ${(error as Error).message}`)
  }
}
