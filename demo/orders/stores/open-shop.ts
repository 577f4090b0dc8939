import type { WorkerSetup } from '../system/messages.ts'
import type { Shop } from './place.ts'
import { PLACES } from './places.ts'

/** Opens the shop that this worker belongs to. */
export async function openShop({ store, storeUrl, dir }: WorkerSetup): Promise<Shop> {
  const place = await PLACES[store]()
  return place.open(storeUrl, dir)
}
