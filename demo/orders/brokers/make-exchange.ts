import { UsageError } from '../options.ts'
import { Unreachable } from '../stores/make-room.ts'
import type { Room } from '../stores/place.ts'
import type { BrokerName } from './broker-names.ts'
import { BROKER_PLACES } from './brokers.ts'

/** Before anything runs: a broker that cannot be used is no fault of the shop's. @throws UsageError, Unreachable */
export async function makeExchange(broker: BrokerName, url: string): Promise<Room> {
  try {
    return await (await BROKER_PLACES[broker]()).makeRoom(url)
  } catch (error) {
    if (error instanceof UsageError) throw error
    // An invalid URL is quoted in full by some errors, and may hold a password.
    if ((error as NodeJS.ErrnoException).code === 'ERR_INVALID_URL')
      throw new UsageError(`--broker is not a URL: write ${broker}://user:password@host:port`)
    throw new Unreachable(`the ${broker} of --broker cannot be used, nothing was started: ${reasonOf(error as Error)}`)
  }
}

/** The package comes without the clients of brokers. */
function reasonOf({ message }: Error): string {
  const client = /^Cannot find package '([^']+)'/.exec(message)?.[1]
  return client === undefined ? message : `it needs a client: run \`npm install ${client}\` beside onlyonce`
}
