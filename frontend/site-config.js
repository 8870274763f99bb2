/**
 * config.json: all that the page knows of its stack, written from the stack outputs and the declared attributes.
 * Its schema is SiteConfig in infra/site_config.py.
 */

/** config.json is missing, or isn't what SiteConfig writes. */
export class SiteConfigError extends Error {}

/** Enough for a small file; after it the page says that the service can't be reached. */
const TIMEOUT_MILLISECONDS = 10_000;

/**
 * @typedef {{name: string, label: string, hint: string, example: string, required: boolean, confirmed: boolean, type: string, inputmode: string,
 *   autocomplete: string, autocapitalize: string}} Attribute
 *   What the form asks for; hint is "" for none, example is a valid value, a mail goes to the confirmed one's value, and the last four are the input's in HTML.
 * @typedef {{environment: string, region: string, apiUrl: string, attributes: Attribute[]}} SiteConfig
 */

let resolveLoaded;

/** The first config.json that was read, for other parts of the page. @type {Promise<SiteConfig>} */
export const siteConfigLoaded = new Promise((resolve) => {
  resolveLoaded = resolve;
});

/**
 * Read config.json without any cache, because a deployment changes it in place.
 *
 * @returns {Promise<SiteConfig>}
 * @throws {SiteConfigError}
 */
export async function loadSiteConfig() {
  let config;
  try {
    const response = await fetch("config.json", {
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS),
    });
    if (!response.ok) {
      throw new SiteConfigError(`config.json was answered with ${response.status}`);
    }
    config = await response.json();
  } catch (cause) {
    throw cause instanceof SiteConfigError ? cause : new SiteConfigError("config.json could not be read", { cause });
  }
  for (const key of ["environment", "region", "apiUrl"]) {
    if (typeof config?.[key] !== "string" || config[key] === "") {
      throw new SiteConfigError(`config.json names no ${key}`);
    }
  }
  if (!Array.isArray(config.attributes) || config.attributes.length === 0) {
    throw new SiteConfigError("config.json names no attributes");
  }
  resolveLoaded(config);
  return config;
}
