import type { RocketMessage } from './client.ts'

/** Start offset, time, duration, two numbers, broker, queue, offset, and what newer versions add. */
const RECEIPT = /^(\d+)((?: \d+){4} \S+ \d+ )(\d+)((?: \d+)*)$/

/**
 * After a change of its invisible time the broker keeps a message under its own offset. The proxy of RocketMQ 5.3.3 in
 * local mode still writes the offset at which its batch began into the receipt, so that requests with it find nothing:
 * the message would come again after every change, even after its acknowledgement.
 */
export function mended(receipt: string): string {
  return receipt.replace(RECEIPT, (_, _start, between, offset, rest) => `${offset}${between}${offset}${rest}`)
}

/** Call after each change of a message's invisible time. */
export function mendReceipt(message: RocketMessage): void {
  const { receiptHandle } = message
  if (receiptHandle !== undefined) Object.assign(message, { receiptHandle: mended(receiptHandle) })
}
