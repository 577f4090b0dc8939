import type { Row } from './rows.ts'

/**
 * The columns of a statement of ours under the names that it gives them: a library whose transaction was joined may be set
 * up to answer `leaseUntil` for `lease_until`, whatever was asked.
 */
export function plainNames(row: Row): Row {
  if (!Object.keys(row).some(isRenamed)) return row
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [plain(name), value]))
}

const isRenamed = (name: string) => /[A-Z]/.test(name)
const plain = (name: string) => name.replace(/(?<=.)[A-Z]/g, (letter) => `_${letter}`).toLowerCase()
