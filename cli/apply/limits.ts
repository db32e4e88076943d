/** Every number that bounds `okcm apply`, in one place. Past one of them the declarations are refused as a whole. */

/** Declared files below the folder, and how many of them are read at once. */
export const MAX_FILES = 10_000;
export const MAX_OPEN_FILES = 16;
/** Of one file, and of all together. */
export const MAX_FILE_BYTES = 1024 * 1024;
export const MAX_TOTAL_BYTES = 64 * 1024 * 1024;
/** Folders within folders. */
export const MAX_FOLDER_DEPTH = 16;
export const MAX_DOCUMENTS = 100_000;
/** Maps and lists within one another in one document. */
export const MAX_DOCUMENT_DEPTH = 24;
/** Fields of one document, as its colons and commas in braces count them; no kind has twenty. */
export const MAX_DOCUMENT_KEYS = 256;
/** Mistakes that are told at once. */
export const MAX_MISTAKES = 20;
/** Certificates, which declarations name by file. */
export const MAX_CERTIFICATE_BYTES = 16 * 1024;
/** Requests to CMK at once, while reading and while changing. */
export const MAX_REQUESTS = 4;
/** Changes in a row that got no answer, after which nothing more is tried: one may only have been slow. */
export const MAX_IN_VAIN = 3;
/** Up to so many tenants are looked up by name; of more, all that there are are listed. */
export const MAX_NAMED_LOOKUPS = 8;
export const PAGE_SIZE = 200;
/** Pending proposals of one tenant that are looked at: as many as there can be. */
export const MAX_PROPOSALS_READ = 200;
/** Lines of a plan that are printed for people; --json has all of them. */
export const MAX_PRINTED = 200;
/** Things of one sort that the last line names; the lines above have them all. */
export const MAX_NAMED = 5;
/** Things that are remembered as declared, and the bytes of the file. */
export const MAX_RECORDED = 200_000;
/** Records of other folders that are looked at before something is removed. */
export const MAX_RECORDS = 256;
export const MAX_RECORD_BYTES = 32 * 1024 * 1024;
