/** Whom the main job onboards. */
export const TENANT = 'acme';
export const SERVICE = 'payments';
export const APPLICATION = 'shop';
export const KEYSTORE = 'development-keystore';
export const L1_ALIAS = 'acme-l1';
