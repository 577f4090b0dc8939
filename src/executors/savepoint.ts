const COMMAND = /^\s*(?:SAVEPOINT|RELEASE|ROLLBACK\s+TO)\b/i

/** Whether the statement sets, releases or rolls back to a savepoint. */
export function isSavepointCommand(text: string): boolean {
  return COMMAND.test(text)
}
