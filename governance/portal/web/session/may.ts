/** What the person in front of the page may do (verdicts.ts). */
import { EVERY, useApi } from '../api/hooks.ts';
import { type May, mayOf } from './verdicts.ts';

export { type May, type Role, roles, unless, type Verdict } from './verdicts.ts';

export const useMe = () => useApi('getMe', {}, { every: EVERY.slow });

export function useMay(tenant?: string): May {
  const { data: me } = useMe();
  return mayOf(me, tenant);
}
