// A gRPC call whose answer was lost is made again with the same key: the server places one order.
import { createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { Message } from '@bufbuild/protobuf'
import { fileDesc, type GenMessage, type GenService, serviceDesc } from '@bufbuild/protobuf/codegenv2'
import { createClient, type Interceptor } from '@connectrpc/connect'
import { connectNodeAdapter, createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node'
import { onlyonce } from 'onlyonce'
import { memoryStore } from 'onlyonce/memory'
import { idempotency, idempotentCalls } from 'onlyonce/rpc'

// What protoc-gen-es makes of: service Shop { rpc Place(Order) returns (Receipt); }
type Order = Message<'shop.Order'> & { id: string; amount: number }
type Receipt = Message<'shop.Receipt'> & { text: string }
const file = fileDesc(
  'CgpzaG9wLnByb3RvEgRzaG9wIiMKBU9yZGVyEgoKAmlkGAEgASgJEg4KBmFtb3VudBgCIAEoBSIXCgdSZWNlaXB0EgwKBHRleHQYASABKAkyKwoEU2hvcBIjCgVQbGFjZRILLnNob3AuT3JkZXIaDS5zaG9wLlJlY2VpcHRiBnByb3RvMw==',
)
const Shop: GenService<{
  place: { methodKind: 'unary'; input: GenMessage<Order>; output: GenMessage<Receipt> }
}> = serviceDesc(file, 0)

const once = onlyonce({ store: memoryStore(), scope: 'shop' })
let lost = 0
const losesTheFirstAnswer: Interceptor = (next) => async (request) => {
  const response = await next(request)
  if (lost++ === 0) throw new Error('the connection broke')
  return response
}
const server = createServer(
  connectNodeAdapter({
    interceptors: [losesTheFirstAnswer, idempotency(once, { scope: 'public', required: true })],
    routes: (router) =>
      router.service(Shop, {
        place({ id, amount }) {
          console.log(`placing order ${id}`)
          return { text: `${id} for ${amount}` }
        },
      }),
  }),
)
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
const sessionManager = new Http2SessionManager(baseUrl)
const retry = idempotentCalls({
  key: ({ message }) => `order-${Object(message).id}`,
  // An error that the server did not expect is not one of a moment, unless you know better.
  retry: ({ rawMessage }) => (rawMessage === 'internal error' ? true : undefined),
  onEvent: ({ type, key }) => console.log(type, key),
})
const client = createClient(Shop, createGrpcTransport({ baseUrl, sessionManager, interceptors: [retry] }))

console.log((await client.place({ id: '1100', amount: 42 })).text)
sessionManager.abort()
server.close()

// prints: placing order 1100
// prints: attempt-failed order-1100
// prints: replayed order-1100
// prints: 1100 for 42
