import type { RpcField, RpcMessageType } from './shapes.ts'

type Fields = Record<string, unknown>

/**
 * Returns the message with sorted map entries, so that equal requests have equal bytes: a protobuf map has no order,
 * and some clients (such as Go's) send it in a different one each time.
 */
export function canonical(type: RpcMessageType, message: unknown): unknown {
  return hasMaps(type) ? sortedMessage(type, message) : message
}

const known = new WeakMap<RpcMessageType, boolean>()

function hasMaps(type: RpcMessageType): boolean {
  let found = known.get(type)
  if (found === undefined) {
    found = reachesMap(type, new Set())
    known.set(type, found)
  }
  return found
}

function reachesMap(type: RpcMessageType, seen: Set<RpcMessageType>): boolean {
  if (seen.has(type)) return false
  seen.add(type)
  return type.fields.some(
    ({ fieldKind, message }) => fieldKind === 'map' || (message !== undefined && reachesMap(message, seen)),
  )
}

function sortedMessage(type: RpcMessageType, message: unknown): unknown {
  if (!isObject(message)) return message
  // `google.protobuf.Struct` in a field is plain JSON.
  if (!('$typeName' in message)) return sortedJson(message)
  const copy = Object.assign(Object.create(Object.getPrototypeOf(message)) as Fields, message)
  for (const field of type.fields) {
    if (field.oneof === undefined) {
      if (Object.hasOwn(copy, field.localName)) copy[field.localName] = sortedField(field, copy[field.localName])
      continue
    }
    const chosen = copy[field.oneof.localName]
    if (isObject(chosen) && chosen.case === field.localName)
      copy[field.oneof.localName] = { case: chosen.case, value: sortedField(field, chosen.value) }
  }
  return copy
}

function sortedField({ fieldKind, message }: RpcField, value: unknown): unknown {
  const sorted = (one: unknown) => (message === undefined ? one : sortedMessage(message, one))
  if (fieldKind === 'list' && Array.isArray(value)) return value.map(sorted)
  if (fieldKind === 'map' && isObject(value)) return inOrder(value, sorted)
  return sorted(value)
}

function sortedJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedJson)
  return isObject(value) ? inOrder(value, sortedJson) : value
}

function inOrder(map: Fields, each: (value: unknown) => unknown): Fields {
  const entries = Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, value]) => [key, each(value)]))
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
}
