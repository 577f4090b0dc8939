import { statSync } from 'node:fs'
import { OnlyonceError } from '../core/errors.ts'

/** Returns the identity of the file that a path names now; `undefined` if there is none. */
export function fileIdentity(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false })
  return found === undefined ? undefined : `${found.dev}:${found.ino}`
}

/**
 * Refuses a file that was deleted or replaced while open: SQLite would go on writing to the old one, while the next
 * process opens another, and both would grant the same key.
 * @throws OnlyonceError STORE_UNAVAILABLE
 */
export function checkSameFile(path: string, opened: string): void {
  if (fileIdentity(path) === opened) return
  throw new OnlyonceError(
    'STORE_UNAVAILABLE',
    `the file ${path} was deleted or replaced while it was open; its operations cannot be judged any more: ` +
      'put the file back, or restart this process to begin with the one that is there',
  )
}
