import type { WorkerSetup } from '../system/messages.ts'
import type { Broker } from './broker.ts'
import { BROKER_PLACES } from './brokers.ts'

/** Opens the broker of the run that this worker belongs to. */
export async function openBroker(setup: WorkerSetup): Promise<Broker> {
  return (await BROKER_PLACES[setup.broker]()).open(setup)
}
