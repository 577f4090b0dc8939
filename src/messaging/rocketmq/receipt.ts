import type { RocketMessage } from './client.ts'

/** Start offset, time, duration, two numbers, broker, queue, offset, and what newer versions add. */
const RECEIPT = /^(\d+)((?: \d+){4} \S+ \d+ )(\d+)((?: \d+)*)$/

/**
 * The broker keeps a message that was asked for again under its own offset. The proxy of RocketMQ 5.3.3 in local mode
 * goes on writing the offset at which its batch began into the receipt, so nothing that is told with it is found: the
 * message would come again for every question, also after its acknowledgement.
 */
export function mended(receipt: string): string {
  return receipt.replace(RECEIPT, (_, _start, between, offset, rest) => `${offset}${between}${offset}${rest}`)
}

/** To be called after each change of a message's time. */
export function mendReceipt(message: RocketMessage): void {
  const { receiptHandle } = message
  if (receiptHandle !== undefined) Object.assign(message, { receiptHandle: mended(receiptHandle) })
}
