import type { Row } from './rows.ts'

/**
 * Restores the column names of our own statements: a library whose transaction was joined may be configured to return
 * `leaseUntil` for `lease_until`.
 */
export function plainNames(row: Row): Row {
  if (!Object.keys(row).some(isRenamed)) return row
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [plain(name), value]))
}

const isRenamed = (name: string) => /[A-Z]/.test(name)
const plain = (name: string) => name.replace(/(?<=.)[A-Z]/g, (letter) => `_${letter}`).toLowerCase()
