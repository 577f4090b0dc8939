import { perTransaction, type Shape, type SqlExecutor, transactionOver } from './executor.ts'

/** The part of `Prisma.TransactionClient` that is used. */
export interface PrismaTransaction {
  $queryRawUnsafe<Rows = unknown>(text: string, ...values: unknown[]): PromiseLike<Rows>
}

const PRISMA: Shape = {
  name: 'tx',
  must: 'must be the `tx` of an interactive `prisma.$transaction(async (tx) => …)`',
  methods: ['$queryRawUnsafe'],
}

/** Adapts the `tx` of an interactive `prisma.$transaction(async (tx) => …)` on PostgreSQL as `{ tx }` of a store. */
export const fromPrisma: (tx: PrismaTransaction) => SqlExecutor = perTransaction(PRISMA, (tx) => ({
  async query(text, values = []) {
    try {
      return { rows: await tx.$queryRawUnsafe<unknown[]>(text, ...values) }
    } catch (error) {
      throw ofServer(error)
    }
  },
}))

/** Of a query inside of a transaction: it was committed or undone, by its own time limit too. */
const TRANSACTION_API = 'P2028'

/** Moves the server's error code to where drivers have it; Prisma keeps it two levels down. */
function ofServer(error: unknown): unknown {
  const { meta, code } = Object(error) as { code?: unknown; meta?: { driverAdapterError?: { cause?: PrismaCause } } }
  if (code === TRANSACTION_API) return transactionOver(error)
  const { originalCode, originalMessage } = meta?.driverAdapterError?.cause ?? {}
  if (originalCode === undefined) return error
  return Object.assign(new Error(originalMessage ?? String(error), { cause: error }), { code: originalCode })
}

interface PrismaCause {
  readonly originalCode?: string
  readonly originalMessage?: string
}
