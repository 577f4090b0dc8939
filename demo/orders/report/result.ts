import { isClean } from '../audit/audit.ts'
import type { BrokerName } from '../brokers/broker-names.ts'
import type { StoreName } from '../stores/store-names.ts'
import type { Run } from '../system/run.ts'

/** The data that `--json` prints, and that table and picture show. */
export interface DemoResult {
  /** The store of the protected run; the other one always uses SQLite files. */
  readonly store: StoreName
  /** The broker of the protected run; the other one always uses a queue in a file. */
  readonly broker: BrokerName
  readonly orders: number
  readonly expectedPence: number
  readonly unprotected: Run
  readonly onlyonce: Run
}

export function passed({ onlyonce, expectedPence }: DemoResult): boolean {
  return isClean(onlyonce, expectedPence)
}
