import { statSync } from 'node:fs'
import { OnlyonceError } from '../core/errors.ts'

/** Which file a path names at this moment; `undefined` where there is none. */
export function fileIdentity(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false })
  return found === undefined ? undefined : `${found.dev}:${found.ino}`
}

/**
 * SQLite goes on writing to a file that was deleted or replaced under it, while the next process opens another one:
 * both would grant the same key.
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
