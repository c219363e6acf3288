// What a person prefers; nothing secret, and kept when tokens are erased.

/** @typedef {"auto" | "light" | "dark"} Theme */
/** @typedef {{ theme: Theme, language: string, hidden: boolean, lockAfterMin: number,
 *   notices: boolean }} Preferences `notices`: of logins while the app is closed */

const KEY = "symbolon-preferences";

export const LOCK_AFTER_MIN = [1, 2, 5, 15];

/** @type {Preferences} */
const DEFAULTS = { theme: "auto", language: "auto", hidden: false, lockAfterMin: 2, notices: false };

/** @returns {Preferences} */
export function loadPreferences() {
  try {
    const { theme, language, hidden, lockAfterMin, notices } = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return {
      theme: theme === "light" || theme === "dark" ? theme : DEFAULTS.theme,
      language: typeof language === "string" ? language : DEFAULTS.language,
      hidden: hidden === true,
      lockAfterMin: LOCK_AFTER_MIN.includes(lockAfterMin) ? lockAfterMin : DEFAULTS.lockAfterMin,
      notices: notices === true,
    };
  } catch {
    return DEFAULTS;
  }
}

/** @param {Preferences} preferences */
export const savePreferences = (preferences) => localStorage.setItem(KEY, JSON.stringify(preferences));

/** @param {Preferences} preferences */
export function applyTheme({ theme }) {
  document.documentElement.dataset["theme"] = theme;
}
