import { perTransaction, type SqlExecutor } from './executor.ts'

/** The part of `Prisma.TransactionClient` that is used. */
export interface PrismaTransaction {
  $queryRawUnsafe<Rows = unknown>(text: string, ...values: unknown[]): PromiseLike<Rows>
}

/** The client that an interactive `prisma.$transaction(async (tx) => …)` on PostgreSQL hands out as `{ tx }` of a store. */
export const fromPrisma: (tx: PrismaTransaction) => SqlExecutor = perTransaction((tx) => ({
  async query(text, values = []) {
    try {
      return { rows: await tx.$queryRawUnsafe<unknown[]>(text, ...values) }
    } catch (error) {
      throw ofServer(error)
    }
  },
}))

/** Prisma keeps what the server said two levels down; callers look for the server's code where drivers have it. */
function ofServer(error: unknown): unknown {
  const { meta } = Object(error) as { meta?: { driverAdapterError?: { cause?: PrismaCause } } }
  const { originalCode, originalMessage } = meta?.driverAdapterError?.cause ?? {}
  if (originalCode === undefined) return error
  return Object.assign(new Error(originalMessage ?? String(error), { cause: error }), { code: originalCode })
}

interface PrismaCause {
  readonly originalCode?: string
  readonly originalMessage?: string
}
