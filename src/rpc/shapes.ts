/** The parts of Connect (`@connectrpc/connect` 2) and protobuf-es 2 that are used here, by shape. */

export interface RpcField {
  readonly localName: string
  readonly fieldKind: string
  readonly message?: RpcMessageType | undefined
  readonly oneof?: { readonly localName: string } | undefined
}

export interface RpcMessageType {
  readonly typeName: string
  readonly fields: readonly RpcField[]
}

export interface RpcMethod {
  readonly name: string
  readonly parent: { readonly typeName: string }
  /** `idempotency_level`: 0 unknown, 1 NO_SIDE_EFFECTS, 2 IDEMPOTENT. */
  readonly idempotency: number
  readonly input: RpcMessageType
  readonly output: RpcMessageType
}

/** Context values of a call, as set by earlier interceptors. */
export interface RpcContextValues {
  get<T>(key: { readonly id: symbol; readonly defaultValue: T }): T
  set<T>(key: { readonly id: symbol; readonly defaultValue: T }, value: T): unknown
}

/** The part of a request of Connect's interceptors that is used. */
export interface RpcRequest {
  readonly stream: boolean
  readonly message: unknown
  readonly method: RpcMethod
  readonly service: unknown
  readonly requestMethod: string
  readonly url: string
  readonly header: Headers
  readonly signal: AbortSignal
  readonly contextValues: RpcContextValues
}

/** The part of a response of Connect's interceptors that is used. */
export interface RpcResponse {
  readonly stream: boolean
  readonly message: unknown
  readonly header: Headers
  readonly trailer: Headers
}

/** Fits `Interceptor` of Connect. */
export type RpcInterceptor = <Request extends RpcRequest, Response extends RpcResponse>(
  next: (request: Request) => Promise<Response>,
) => (request: Request) => Promise<Response>

/** What option functions get of a call. */
export interface RpcCall {
  /** Package, service and method: `shop.v1.Orders/Place`. */
  readonly procedure: string
  /** `idempotency_level` of the method: 0 unknown, 1 NO_SIDE_EFFECTS, 2 IDEMPOTENT. */
  readonly idempotencyLevel: number
  readonly stream: boolean
  /** The request, or an async iterable of requests. */
  readonly message: unknown
  readonly header: Headers
  readonly contextValues: RpcContextValues
}

export function callOf({ method, stream, message, header, contextValues }: RpcRequest): RpcCall {
  const procedure = `${method.parent.typeName}/${method.name}`
  return { procedure, idempotencyLevel: method.idempotency, stream, message, header, contextValues }
}
