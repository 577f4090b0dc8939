/** Returns a text as one word of a POSIX shell, for a command in a message that somebody may paste. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
