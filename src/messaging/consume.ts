import type { Consumer } from './consumer.ts'
import type { AtomicInboxOptions, BatchInboxOptions, InboxOptions, LeasedInboxOptions } from './inbox-options.ts'

/** `consume` of a broker: the options of the inbox, typed by the guarantee, and those of the broker. */
export interface Consume<Source> {
  (options: LeasedInboxOptions & Source): Consumer
  <Tx>(options: AtomicInboxOptions<Tx> & Source): Consumer
  <Tx>(options: BatchInboxOptions<Tx> & Source): Consumer
  /** For a caller that forwards any of them. */
  <Tx>(options: InboxOptions<Tx> & Source): Consumer
}
