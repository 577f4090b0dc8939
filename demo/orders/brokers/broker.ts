import type { BatchInboxOptions, LeasedInboxOptions } from 'onlyonce/inbox'
import type { Publisher } from 'onlyonce/outbox'
import type { Room } from '../stores/place.ts'
import type { Consumer, WorkerSetup } from '../system/messages.ts'

/** What a consumer does, in either way. */
export type AnyWork<Tx> = LeasedInboxOptions | BatchInboxOptions<Tx>

/** What carries the messages of the shop with onlyonce, as a worker sees it. */
export interface Broker {
  /** For the relay: the messages about paid orders. */
  publisher(): Promise<Publisher>
  /** Handles every such message for that consumer until the process ends. */
  consume(name: Consumer, work: LeasedInboxOptions): Promise<void>
  consume<Tx>(name: Consumer, work: BatchInboxOptions<Tx>): Promise<void>
}

/** A kind of broker. */
export interface BrokerPlace {
  /**
   * Room for one run, whose name comes in the hash of its URL.
   * @throws Error when nobody answers there
   */
  makeRoom(url: string): Promise<Room>
  /** `brokerUrl` is that of the room. Nothing is opened before it is used. */
  open(setup: WorkerSetup): Broker
}
