/** Whether it is a subject to publish to: tokens separated by dots, without blanks or wildcards. */
export function isSubject(value: unknown): value is string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they end a line of the protocol
  return typeof value === 'string' && /^[^\s.*>\u0000-\u001f]+(\.[^\s.*>\u0000-\u001f]+)*$/.test(value)
}

/** Whether it can name a stream or a consumer. */
export function isName(value: unknown): value is string {
  return isSubject(value) && !/[./\\]/.test(value)
}
