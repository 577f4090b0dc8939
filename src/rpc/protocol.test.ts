import { describe, expect, it } from 'vitest'
import { protocolHeader, protocolTrailer } from './protocol.ts'
import type { RpcRequest } from './shapes.ts'

const asked = (header: Record<string, string>, url = 'http://a/shop.Shop/Place') =>
  ({ header: new Headers(header), url }) as RpcRequest
const headers = (request: RpcRequest, compression = ['gzip', 'br']) => [...protocolHeader(request, compression)]

describe('the headers of an answer that the handler did not make', () => {
  it.each([
    ['application/proto', 'application/proto'],
    ['application/json; charset=utf-8', 'application/json'],
    ['application/grpc', 'application/grpc+proto'],
    ['application/grpc+json', 'application/grpc+json'],
    ['application/grpc-web', 'application/grpc-web+proto'],
    ['Application/GRPC-Web+Proto', 'application/grpc-web+proto'],
  ])('type %s is answered with %s', (type, answer) => {
    expect(headers(asked({ 'content-type': type }))).toEqual([['content-type', answer]])
  })

  it.each(['json', 'proto'])('a GET for %s names it in its query', (encoding) => {
    const request = asked({}, `http://a/shop.Shop/Read?connect=v1&encoding=${encoding}&message=e30`)
    expect(headers(request)).toEqual([['content-type', `application/${encoding}`]])
  })

  it.each([
    [{ 'grpc-accept-encoding': 'zstd, br,gzip' }, 'br'],
    [{ 'grpc-accept-encoding': 'zstd', 'grpc-encoding': 'gzip' }, undefined],
    [{ 'grpc-encoding': 'gzip' }, 'gzip'],
    [{ 'grpc-encoding': 'identity' }, undefined],
    [{}, undefined],
  ])('compression, as the server negotiates it: %o is %s', (header, encoding) => {
    const made = protocolHeader(asked({ 'content-type': 'application/grpc', ...header }), ['gzip', 'br'])
    expect(made.get('grpc-encoding') ?? undefined).toBe(encoding)
    expect(headers(asked({ 'content-type': 'application/proto', ...header }))).toHaveLength(1)
  })

  it('gRPC has its status in the trailer, Connect has none', () => {
    expect([...protocolTrailer(asked({ 'content-type': 'application/grpc-web+proto' }))]).toEqual([
      ['grpc-status', '0'],
    ])
    expect([...protocolTrailer(asked({ 'content-type': 'application/json' }))]).toEqual([])
  })
})
