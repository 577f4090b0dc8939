/**
 * Format of a forgotten record: only its id and fence are left, until a sweep removes it. Without it a claim that began
 * before the record was made could insert another one with an older clock, and so with a smaller fence.
 */
export const FORGOTTEN = 0

/** How long a forgotten record stays: longer than a claim can take that began before it was forgotten. */
export const FORGOTTEN_FOR_MICROS = 60_000_000

/** `format` as a driver returns it. */
export const isForgotten = ({ format }: { readonly format?: unknown }): boolean => Number(format ?? 1) === FORGOTTEN
