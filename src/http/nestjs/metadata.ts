import { OnlyonceError } from '../../core/errors.ts'

interface Metadata {
  defineMetadata?(key: unknown, value: unknown, target: object): void
  getMetadata?(key: unknown, target: object): unknown
}

/** Stores metadata as Nest's decorators do. @throws OnlyonceError OPTION_INVALID without `reflect-metadata` */
export function defineMetadata(key: unknown, value: unknown, target: object): void {
  const { defineMetadata: define } = Reflect as Metadata
  if (define === undefined) {
    throw new OnlyonceError('OPTION_INVALID', "there is no Reflect.defineMetadata: import 'reflect-metadata' first")
  }
  define(key, value, target)
}

export function getMetadata(key: unknown, target: object): unknown {
  return (Reflect as Metadata).getMetadata?.(key, target)
}
