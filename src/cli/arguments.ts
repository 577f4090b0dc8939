// Each function reads the value of a flag, and throws what commander prints together with that flag.
import { InvalidArgumentError } from 'commander'
import type { ProxyCommandOptions } from './commands/proxy.ts'

type Address = ProxyCommandOptions['listen']

export function positiveInteger(text: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value > 0) return value
  throw new InvalidArgumentError('It must be a whole number above 0.')
}

export function positions(text: string, before: readonly number[] = []): readonly number[] {
  return [...before, positiveInteger(text)]
}

/** Checks --after: every store opened by URL continues after an id, but not every one refuses other values. */
export function cursor(text: string): string {
  if (/^[0-9a-f]{32}$/i.test(text)) return text.toLowerCase()
  throw new InvalidArgumentError('It must be the 32 hexadecimal digits that the list before named.')
}

export function address(text: string): Address {
  const [, bracketed, plain, port] = /^(?:(?:\[([0-9a-f:.]+)\]|([^[\]:]*)):)?(\d{1,5})$/i.exec(text) ?? []
  if (port === undefined || Number(port) > 65_535) {
    throw new InvalidArgumentError('It must be a port, or host:port, such as 8000, 0.0.0.0:8000 or [::1]:8000.')
  }
  const host = bracketed ?? plain
  return { port: Number(port), ...(host === undefined || host === '' ? {} : { host }) }
}

export function list(text: string): string[] {
  return text.split(',').map((one) => one.trim())
}
