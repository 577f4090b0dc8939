// A batch of SQS in a Lambda function: what is done is deleted, and only what failed comes again.
import { onlyonce } from 'onlyonce'
import { inbox, Unprocessable } from 'onlyonce/inbox'
import { memoryStore } from 'onlyonce/memory'

// As in `aws-lambda`, the package of types: the members that are used.
interface SqsRecord {
  readonly messageId: string
  readonly body: string
  readonly eventSourceARN: string
  readonly attributes: { readonly SentTimestamp: string }
}
interface SqsBatchResponse {
  readonly batchItemFailures: readonly { readonly itemIdentifier: string }[]
}

// In a function take a store that outlives it: Redis, PostgreSQL or MySQL.
const once = onlyonce({ store: memoryStore(), scope: 'shop', maxRunMs: 30_000 })

const received = inbox({
  once,
  name: 'coupons',
  delivers: 'at-least-once',
  // The order, not the message: somebody may send the same order in two messages.
  key: ({ body }) => `order:${JSON.parse(Buffer.from(body).toString()).orderId}`,
  async handle(message) {
    const { orderId, customer } = message.json() as { orderId: string; customer?: string }
    if (customer === undefined) throw new Unprocessable('no customer')
    console.log(`coupon for ${customer}, order ${orderId}`)
  },
})

export async function handler(
  { Records }: { readonly Records: readonly SqsRecord[] },
  context: { getRemainingTimeInMillis(): number },
): Promise<SqsBatchResponse> {
  // What another instance is handling is held until then, and comes again.
  const signal = AbortSignal.timeout(Math.max(context.getRemainingTimeInMillis() - 2_000, 0))
  const verdicts = await Promise.all(
    Records.map(({ messageId, body, eventSourceARN, attributes }) =>
      received(
        {
          id: messageId,
          source: eventSourceARN,
          publishedAt: Number(attributes.SentTimestamp),
          body: Buffer.from(body),
          headers: {},
          redelivered: true,
        },
        signal,
      ),
    ),
  )
  const failed = Records.filter((_, index) => verdicts[index]?.kind !== 'ack')
  return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) }
}

const record = (messageId: string, body: object): SqsRecord => ({
  messageId,
  body: JSON.stringify(body),
  eventSourceARN: 'arn:aws:sqs:eu-west-1:123456789012:paid',
  attributes: { SentTimestamp: `${Date.now()}` },
})
const context = { getRemainingTimeInMillis: () => 30_000 }
const ann = { orderId: '1100', customer: 'ann' }
const batch = [record('m1', ann), record('m2', ann), record('m3', { orderId: '1101' })]
console.log(JSON.stringify(await handler({ Records: batch }, context)))
console.log(JSON.stringify(await handler({ Records: batch.slice(0, 2) }, context)))
await once.close()

// prints: coupon for ann, order 1100
// prints: {"batchItemFailures":[{"itemIdentifier":"m3"}]}
// prints: {"batchItemFailures":[]}
