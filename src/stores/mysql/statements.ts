import { claimDoneSql, insertDoneSql, insertSql, lockedSql, lookSql, newestSql, takeOverSql } from './sql/claim.ts'
import { type ListedState, listSql } from './sql/list.ts'
import type { Names } from './sql/names.ts'
import {
  appendSql,
  discardSql,
  failedSql,
  leaveRelaySql,
  parkedSql,
  publishedSql,
  statsSql,
  takeLeaseSql,
  unparkSql,
  waitingSql,
} from './sql/outbox.ts'
import { deleteSql, doomedSql, forgetSql, overdueSql, raiseFloorSql, readFloorSql } from './sql/remove.ts'
import { completeSql, putResultSql, releaseSql, renewSql } from './sql/settle.ts'

export type Statements = ReturnType<typeof createStatements>

/** All statements, built once; those with a LIMIT are built per call: not every server takes it as a parameter. */
export function createStatements(names: Names) {
  return {
    insert: insertSql(names),
    look: lookSql(names),
    takeOver: takeOverSql(names),
    claimDone: claimDoneSql(names),
    insertDone: insertDoneSql(names),
    newest: newestSql(names),
    locked: lockedSql(names),
    complete: completeSql(names),
    release: releaseSql(names),
    renew: renewSql(names),
    putResult: putResultSql(names),
    forget: forgetSql(names),
    doomed: (limit: number) => doomedSql(names, wholeLimit(limit)),
    remove: deleteSql(names),
    readFloor: readFloorSql(names),
    overdue: overdueSql(names),
    raiseFloor: raiseFloorSql(names),
    list: (state: ListedState, scoped: boolean, limit: number) => listSql(names, state, scoped, wholeLimit(limit)),
    append: appendSql(names),
    takeLease: takeLeaseSql(names),
    waiting: (limit: number) => waitingSql(names, wholeLimit(limit)),
    published: publishedSql(names),
    failed: failedSql(names),
    leaveRelay: leaveRelaySql(names),
    stats: statsSql(names),
    parked: (limit: number) => parkedSql(names, wholeLimit(limit)),
    unpark: unparkSql(names),
    discard: discardSql(names),
  }
}

function wholeLimit(limit: number): number {
  return Math.max(0, Math.trunc(Math.min(limit, Number.MAX_SAFE_INTEGER)) || 0)
}
