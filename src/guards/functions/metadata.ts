/** What `reflect-metadata` adds to `Reflect`, if it is loaded. */
interface Metadata {
  getOwnMetadataKeys?(target: object): unknown[]
  getOwnMetadata?(key: unknown, target: object): unknown
  defineMetadata?(key: unknown, value: unknown, target: object): void
}

/** Copies metadata to the wrapper: frameworks such as NestJS store that of decorators below ours on the function. */
export function keepMetadata(from: object, to: object): void {
  const { getOwnMetadataKeys, getOwnMetadata, defineMetadata } = Reflect as Metadata
  for (const key of getOwnMetadataKeys?.(from) ?? []) defineMetadata?.(key, getOwnMetadata?.(key, from), to)
}
