import { UsageError } from '../options.ts'
import { Unreachable } from '../stores/make-room.ts'
import type { Room } from '../stores/place.ts'
import type { BrokerName } from './broker-names.ts'
import { BROKER_PLACES } from './brokers.ts'

/** Runs first, so that an unusable broker is not taken for a fault of the shop. @throws UsageError, Unreachable */
export async function makeExchange(broker: BrokerName, url: string): Promise<Room> {
  try {
    return await (await BROKER_PLACES[broker]()).makeRoom(url)
  } catch (error) {
    if (error instanceof UsageError) throw error
    // Some errors quote an invalid URL in full, and it may hold a password.
    if ((error as NodeJS.ErrnoException).code === 'ERR_INVALID_URL')
      throw new UsageError(`--broker is not a URL: write ${broker}://user:password@host:port`)
    throw new Unreachable(`the ${broker} of --broker cannot be used, nothing was started: ${reasonOf(error as Error)}`)
  }
}

/** The package does not include the clients of brokers. */
function reasonOf({ message }: Error): string {
  const client = /^Cannot find package '([^']+)'/.exec(message)?.[1]
  return client === undefined ? message : `it needs a client: run \`npm install ${client}\` beside onlyonce`
}
