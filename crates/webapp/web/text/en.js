// All words of the app, in English. Other languages have the same keys: the type of this object says which.

/** @import { Facts, Kind } from "../core/failure.js" */

/** @typedef {{ title: string, step: string }} Explained what happened, and what to do */

/** How much a clock is off, for people. @param {number} offsetS */
function offset(offsetS) {
  const seconds = Math.abs(offsetS);
  const amount =
    seconds < 120 ? `${seconds} seconds` : seconds < 7200 ? `${Math.round(seconds / 60)} minutes`
    : `${Math.round(seconds / 3600)} hours`;
  return `${amount} ${offsetS > 0 ? "fast" : "slow"}`;
}

/** @type {Readonly<Record<number, string>>} */
const refusals = {
  101: "Compare the code with the message, or scan its QR code; then ask your administrator whether the token is assigned to you.",
  102: "The activation code was not used in time. Ask your administrator for a new one.",
  103: "The code was used on another device already. Ask your administrator for a new activation code.",
  104: "Try again; nothing was used up.",
  105: "Open the app at the address that your activation message shows.",
  106: "Wait a quarter of an hour, or ask your administrator for a new activation code.",
  122: "Try again in a minute; the code is not used up.",
};

/** @type {Record<Kind, (facts: Facts) => Explained>} */
const failures = {
  encoding: () => ({ title: "This text is damaged", step: "Copy it again, whole and unchanged." }),
  "code-length": ({ got, want }) => ({
    title: `An activation code has ${want} characters, not ${got}`,
    step: "Compare it with the message, or scan its QR code.",
  }),
  "code-character": ({ found }) => ({
    title: `An activation code has no “${found}”`,
    step: "It consists of the letters A to Z and the digits 2 to 7. A zero is the letter O, a one is I or L.",
  }),
  "code-header": () => ({
    title: "This is no activation code",
    step: "Activation codes begin with EE. Compare it with the message, or scan its QR code.",
  }),
  "link-unknown": () => ({
    title: "This is no token’s code",
    step: "Use the QR code or the code of the activation message, whole and unchanged.",
  }),
  "link-too-long": () => ({ title: "This link is too long", step: "Use the link of the activation message, and nothing else." }),
  "link-part": () => ({
    title: "This activation link is damaged",
    step: "Use the QR code of the activation message, whole and unchanged.",
  }),
  "link-other-server": ({ server }) => ({
    title: `This code belongs to ${server}`,
    step: "Open the app there; the code comes along.",
  }),
  "qr-nothing": () => ({
    title: "There is no QR code in this picture",
    step: "Choose a sharp picture in which the whole code can be seen, white margin included.",
  }),
  "qr-picture": () => ({ title: "This file is no picture", step: "Choose a photo or a screenshot (PNG or JPEG)." }),
  "camera-denied": () => ({
    title: "The app may not use the camera",
    step: "Allow it in the browser’s settings for this page, then try again. You can also choose a picture of the code, or type it.",
  }),
  "camera-none": () => ({ title: "No camera was found", step: "Choose a picture of the QR code, or type the code." }),
  "camera-busy": () => ({ title: "Another app is using the camera", step: "Close it, then try again." }),
  network: () => ({
    title: "The server was not reached",
    step: "Check the network, then try again. The code is not used up.",
  }),
  "server-status": ({ status }) => ({
    title: `The server did not answer as it should (${status})`,
    step: "Try again in a minute; if it stays so, tell your administrator.",
  }),
  "server-message": ({ field }) => ({
    title: `The server’s answer was not understood (${field})`,
    step: "Reload the app to have its newest version; if it stays so, tell your administrator.",
  }),
  refused: ({ code, message }) => ({
    title: String(message),
    step: refusals[Number(code)] ?? `Ask your administrator; the number is ${code}.`,
  }),
  clock: ({ offsetS }) => ({
    title: `This device’s clock is ${offset(Number(offsetS))}`,
    step: "Switch on automatic time in the device’s settings, then try again. The code is not used up.",
  }),
  seal: () => ({
    title: "This token was not made for this device",
    step: "Add the code again; if it stays so, ask for a new activation code.",
  }),
  duplicate: ({ serial, name }) => ({
    title: `Duplicate token: ${serial} is here already, as “${name}”`,
    step: "If the code is a new one, replace the old entry: its codes have ended.",
  }),
  "name-empty": () => ({ title: "The name is empty", step: "Choose a name that tells you what the token is for." }),
  "name-long": ({ got, most }) => ({
    title: `This name has ${got} characters: there is a ${most} character limitation`,
    step: "Shorten it. The activation code goes into the other field.",
  }),
  "name-character": () => ({ title: "This name has a character that cannot be shown", step: "Choose another name." }),
  "name-taken": ({ name }) => ({ title: `Another token goes by “${name}”`, step: "Choose another name." }),
  "counter-spent": () => ({ title: "This token has shown all its codes", step: "Ask for a new one." }),
  "key-uri": () => ({ title: "This otpauth link is damaged", step: "Show the QR code again where you got it." }),
  "key-uri-secret": () => ({ title: "The key is not one", step: "A key has the letters A to Z and the digits 2 to 7." }),
  "key-uri-number": ({ part }) => ({ title: `The link’s “${part}” cannot be used`, step: "Ask whoever issued it." }),
  "key-uri-kind": () => ({ title: "Tokens of this kind are not supported", step: "Time-based and counter-based ones are (TOTP, HOTP)." }),
  "pin-digits": ({ least, most }) => ({ title: `A PIN has ${least} to ${most} digits`, step: "Digits only." }),
  "pin-mismatch": () => ({ title: "The two PINs differ", step: "Type the same PIN twice." }),
  "pin-short": ({ digits }) => ({ title: `At least ${digits} digits are needed`, step: "Your organisation asks for a longer PIN." }),
  "pin-easy": () => ({ title: "This PIN is too easy to guess", step: "Not all digits the same, not a sequence." }),
  "pin-wrong": ({ left }) => ({
    title: "Wrong PIN",
    step: left === 1 ? "One more wrong PIN erases all tokens on this device." : `${left} tries are left; then all tokens here are erased.`,
  }),
  "passkey-refused": () => ({ title: "The device did not confirm that it is you", step: "Try again, or enter the PIN." }),
  "passkey-unsupported": () => ({ title: "This device’s lock cannot open the app", step: "Its passkeys lack a function (PRF). The PIN goes on working." }),
  "passkey-forbidden": () => ({ title: "An issuer of a token here insists on the PIN", step: "Go on entering it." }),
  wiped: () => ({
    title: "Ten wrong PINs: all tokens here were erased",
    step: "Ask your administrator for new activation codes.",
  }),
  locked: () => ({ title: "The app is locked", step: "Unlock it, then try again." }),
  storage: () => ({
    title: "This browser did not keep the tokens",
    step: "Leave private browsing and check the space on the device; then ask for new activation codes.",
  }),
  "file-unknown": () => ({
    title: "This file is of no known kind",
    step: "Choose a backup of this app, of Aegis or of 2FAS.",
  }),
  "file-damaged": () => ({ title: "This file is damaged", step: "Make the backup anew and choose it whole." }),
  "file-password": () => ({ title: "The password does not open this file", step: "Type the password with which it was made." }),
  "file-empty": () => ({ title: "No token in it", step: "Choose another file." }),
  "passphrase-short": ({ least }) => ({ title: `A passphrase has at least ${least} characters`, step: "Four words make a good one." }),
  "passphrase-mismatch": () => ({ title: "The two passphrases differ", step: "Type the same one twice." }),
  "too-many": ({ most }) => ({ title: `The app holds ${most} tokens`, step: "Delete some first." }),
  unsupported: () => ({
    title: "This browser cannot hold tokens safely",
    step: "Open the app over https in a current version of Chrome, Safari, Firefox or Edge.",
  }),
};

export const en = {
  language: "English",
  app: "Symbolon",
  back: "Back",
  cancel: "Cancel",
  done: "Done",
  again: "Try again",
  unexpected: "Something unexpected happened",
  unexpectedStep: "Reload the app. If it stays so, tell your administrator what you did.",
  offset,
  failures,
  welcome: {
    title: "Your codes, on this device alone",
    lead: "Scan the QR code of your activation message to begin.",
    install: "Install the app",
    installIos: "To keep the app at hand: Share, then Add to Home Screen.",
  },
  list: {
    title: "Tokens",
    search: "Search",
    nothing: "No token matches.",
    add: "Add token",
    settings: "Settings",
    lock: "Lock",
    hide: "Hide codes",
    show: "Show codes",
    copy: (/** @type {string} */ name) => `Copy the code of ${name}`,
    copied: "Code copied",
    notCopied: "The browser did not copy it",
    reveal: (/** @type {string} */ name) => `Show the code of ${name}`,
    details: (/** @type {string} */ name) => `Details of ${name}`,
    next: "Next",
    newCode: "New code",
    left: (/** @type {number} */ seconds) => `${seconds} seconds left`,
    clock: (/** @type {string} */ off) => `This device’s clock is ${off}: its codes may be refused. Switch on automatic time.`,
    ready: (/** @type {string} */ name) => `${name} is ready`,
  },
  add: {
    title: "Add token",
    scan: "Scan QR code",
    scanHint: "With the camera",
    picture: "Choose a picture",
    pictureHint: "A screenshot or photo of the QR code",
    type: "Type the code",
    typeHint: "16 characters from the message",
    paste: "Paste a link",
    pasteHint: "symbolon:// or otpauth://",
    file: "Import a backup",
    fileHint: "This app, Aegis, 2FAS",
    aim: "Hold the QR code into the frame.",
    starting: "Starting the camera …",
    working: "Fetching the token …",
    code: "Activation code",
    codeHint: "16 letters and digits, as in the message",
    name: "Name",
    nameHint: "What it is for. You can leave it empty.",
    link: "Link",
    submit: "Add",
    replace: "Replace the old entry",
    handed: (/** @type {string} */ issuer, /** @type {string} */ server) =>
      `A link brought a token of ${issuer}, from ${server}. Add it if you have asked for it.`,
    elsewhere: (/** @type {string} */ server) => `Open the app at ${server}`,
    imported: (/** @type {number} */ count) => (count === 1 ? "1 token added" : `${count} tokens added`),
    skipped: (/** @type {number} */ count) => `${count} were here already or cannot be used`,
    password: "Password of the file",
    open: "Open",
  },
  pin: {
    choose: "Choose a PIN",
    chooseLead: (/** @type {number} */ least) => `${least} to 8 digits. It locks the tokens on this device; nobody can reset it.`,
    longer: (/** @type {string} */ issuer, /** @type {number} */ digits) =>
      `${issuer} asks for a PIN of at least ${digits} digits.`,
    current: "Current PIN",
    pin: "PIN",
    again: "The same PIN again",
    save: "Save PIN",
    saved: "The PIN was changed",
    enter: "Enter your PIN",
    unlock: "Unlock",
    passkey: "Use fingerprint or face",
    checking: "Checking …",
    left: (/** @type {number} */ left) => (left === 1 ? "Last try before all tokens are erased" : `${left} tries left`),
    forgotten: "Forgotten? A PIN cannot be reset. Erase the tokens and ask for new activation codes.",
  },
  token: {
    name: "Name",
    rename: "Rename",
    renamed: "Renamed",
    serial: "Serial number",
    issuer: "Issuer",
    account: "Account",
    server: "Server",
    added: "Activated",
    kind: "Codes",
    timed: (/** @type {number} */ digits, /** @type {number} */ period) => `${digits} digits, new every ${period} s`,
    counted: (/** @type {number} */ digits) => `${digits} digits, by counter`,
    registration: "Registration ID",
    up: "Move up",
    down: "Move down",
    remove: "Delete token",
    removeTitle: (/** @type {string} */ name) => `Delete “${name}”?`,
    removeLead: "Its codes end on this device. Your administrator has to send a new activation code to get it back; the login still asks for it until then.",
    removeForeignLead: "Its codes end on this device. Without them or a recovery code you may lose the account: switch off two-factor login there first.",
    removed: (/** @type {string} */ name) => `${name} was deleted`,
  },
  settings: {
    title: "Settings",
    look: "Appearance",
    theme: "Theme",
    themes: { auto: "As the device", light: "Light", dark: "Dark" },
    language: "Language",
    languageAuto: "As the device",
    hidden: "Hide codes until tapped",
    security: "Security",
    lockAfter: "Lock when unused for",
    minutes: (/** @type {number} */ minutes) => (minutes === 1 ? "1 minute" : `${minutes} minutes`),
    changePin: "Change PIN",
    passkeyAdd: "Unlock with fingerprint or face",
    passkeyRemove: "Unlock with the PIN alone",
    passkeyOn: "Fingerprint or face opens the app from now on",
    passkeyOff: "The PIN alone opens the app",
    backup: "Backup",
    export: "Save an encrypted backup",
    exportLead: "Tokens of other issuers, under a passphrase. Tokens of your organisation stay on this device.",
    exportNone: "There is no token that may leave this device.",
    passphrase: "Passphrase",
    passphraseHint: "At least 12 characters. Whoever forgets it has lost the file.",
    passphraseAgain: "The same passphrase again",
    exportSave: "Save file",
    exported: "The backup was saved",
    device: "This device",
    version: "Version",
    registration: "Registration ID",
    erase: "Erase all tokens",
    eraseTitle: "Erase all tokens on this device?",
    eraseLead: "Tokens, PIN and device keys are destroyed. You need new activation codes.",
    erased: "All tokens were erased",
  },
  elsewhere: {
    title: "The app is open in another window",
    lead: "It works in one window at a time.",
    here: "Use it here",
  },
};

/** @typedef {typeof en} Texts */
