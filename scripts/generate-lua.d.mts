/** What `src/stores/redis/scripts/source.ts` must contain. */
export function luaModule(): string
