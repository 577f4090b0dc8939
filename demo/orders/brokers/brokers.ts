import type { BrokerPlace } from './broker.ts'
import type { BrokerName } from './broker-names.ts'

/** Loaded on demand: nobody needs the clients of the others. */
export const BROKER_PLACES: Readonly<Record<BrokerName, () => Promise<BrokerPlace>>> = {
  embedded: async () => (await import('./embedded.ts')).embedded,
}
