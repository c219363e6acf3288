// All words of the app, in English. Other languages have the same keys: the type of this object says which.

/** @import { Facts, Kind } from "../core/failure.js" */

/** @import { ExportProgress } from "../vault/contents.js" */

/** @typedef {{ title: string, step: string }} Explained what happened, and what to do */

/** How much a clock is off, for people. @param {number} offsetS */
function offset(offsetS) {
  const seconds = Math.abs(offsetS);
  const amount =
    seconds < 120 ? `${seconds} seconds` : seconds < 7200 ? `${Math.round(seconds / 60)} minutes`
    : `${Math.round(seconds / 3600)} hours`;
  return `${amount} ${offsetS > 0 ? "fast" : "slow"}`;
}

/** @param {readonly number[]} numbers */
const listed = (numbers) => new Intl.ListFormat("en-GB").format(numbers.map(String));

/** @type {Readonly<Record<number, string>>} */
const refusals = {
  101: "Compare the code with the message, or scan its QR code; then ask your administrator whether the token is assigned to you.",
  102: "The activation code was not used in time. Ask your administrator for a new one.",
  103: "The code was used on another device already. Ask your administrator for a new activation code.",
  104: "Try again; nothing was used up.",
  105: "Open the app at the address that your activation message shows.",
  106: "Wait a quarter of an hour, or ask your administrator for a new activation code.",
  116: "Try again in a minute.",
  117: "The gateway did not take the answer. Type the code from the list instead, or log in again.",
  119: "Your administrator decides which push services are used. Logins are shown while the app is open.",
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
  "not-moved": ({ code, message, cause }) => ({
    title: code === 17 ? "No valid token found (17)" : String(message),
    step: cause ? `Tell your administrator: ${cause}.` : (refusals[Number(code)] ?? `Ask your administrator; the number is ${code}.`),
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
  "not-stored": () => ({
    title: "This browser did not keep the token",
    step: "Leave private browsing and check the space on the device. This phone can ask again with the same code.",
  }),
  "file-unknown": () => ({
    title: "This file is of no known kind",
    step: "Choose a backup of this app, of Aegis or of 2FAS.",
  }),
  "file-damaged": () => ({ title: "This file is damaged", step: "Make the backup anew and choose it whole." }),
  "file-password": () => ({ title: "The password does not open this file", step: "Type the password with which it was made." }),
  "backup-other-server": ({ server }) => ({
    title: `The token is of ${server}`,
    step: "Open the app there and import the backup.",
  }),
  "other-server": ({ name, server }) => ({
    title: `“${name}” has this serial and is of another token server, ${server}: it stays as it is`,
    step: "Both cannot be in one app: import the backup on another device.",
  }),
  "moved-elsewhere": () => ({
    title: "Another device has the token by now",
    step: "Move it from there, and save a backup there.",
  }),
  "receipt-refused": () => ({
    title: "The token server refused that it is here",
    step: "That came too late, or another code was made for it. Import the backup again.",
  }),
  "no-transfer-code": () => ({ title: "The transfer code was not made in time", step: "Import the backup again in a minute." }),
  "file-unread": () => ({
    title: "None of its tokens can be used here",
    step: "They are of another kind than TOTP and HOTP, or damaged. Keep the app that they are in.",
  }),
  "file-empty": () => ({ title: "No token in it", step: "Choose another file." }),
  "passphrase-short": ({ least }) => ({ title: `A passphrase has at least ${least} characters`, step: "Four words make a good one." }),
  "passphrase-mismatch": () => ({ title: "The two passphrases differ", step: "Type the same one twice." }),
  "too-many": ({ most }) => ({ title: `The app holds ${most} tokens`, step: "Delete some first." }),
  "notices-denied": () => ({
    title: "The app may not show notifications",
    step: "Allow them in the browser’s or the device’s settings for this app, then try again.",
  }),
  "notices-none": () => ({
    title: "This browser has no push service",
    step: "Use another browser, or open the app to answer logins.",
  }),
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
    deaf: (/** @type {string} */ why) => `Logins are not heard of here: ${why}. Type the code instead.`,
    ready: (/** @type {string} */ name) => `${name} is ready`,
    unheard: (/** @type {string} */ names) =>
      `The token server does not know yet that ${names} is here. A device that had it works until then.`,
    refused: (/** @type {string} */ names) =>
      `The token server refused that ${names} is here: too late, or another code was made. If it was to move here, its codes are refused: ask for a new code.`,
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
    handed: (/** @type {string} */ server) =>
      `A link brings a token from ${server}. Add it if you have asked for it.`,
    elsewhere: (/** @type {string} */ server) => `Open the app at ${server}`,
    imported: (/** @type {number} */ count) => (count === 1 ? "1 token added" : `${count} tokens added`),
    known: (/** @type {number} */ count) => (count === 1 ? "1 was here already" : `${count} were here already`),
    unread: (/** @type {number} */ count) =>
      `${count} cannot be used here, being of another kind or damaged: keep the app that ${count === 1 ? "it is" : "they are"} in`,
    exportCode: (/** @type {ExportProgress} */ { number, size, missing }) =>
      missing.length === 0
        ? `This was code ${number} of ${size}, and the others were read before.`
        : `This was code ${number} of ${size}: add ${missing.length === 1 ? "code" : "codes"} ${listed(missing)} too, whose tokens are not here yet.`,
    restoring: "Restoring the backup …",
    isHere: (/** @type {string} */ name) => `${name} is here already.`,
    movedHere: (/** @type {string} */ name) =>
      `${name} moved here. The device that had it is out; save a new backup.`,
    backHere: (/** @type {string} */ name) => `${name} is back, with a new secret; save a new backup.`,
    storedHere: (/** @type {string} */ name) =>
      `${name} is stored here, and the token server was not reached: the device that had it works until the server knows. Keep it, and leave this app open.`,
    stays: (/** @type {string} */ name) => `${name} stays where it is:`,
    password: "Password of the file",
    open: "Open",
  },
  pin: {
    choose: "Choose a PIN",
    chooseLead: (/** @type {number} */ least) => `${least} to 8 digits. It locks the tokens on this device; nobody can reset it.`,
    longer: (/** @type {string} */ issuer, /** @type {number} */ digits) =>
      `${issuer} asks for a PIN of at least ${digits} digits. Until the token is stored, this phone can ask again with the same code.`,
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
    move: "Move to another phone",
    remove: "Delete token",
    removeTitle: (/** @type {string} */ name) => `Delete “${name}”?`,
    removeLead: "Its codes end on this device. Your administrator has to send a new activation code to get it back; the login still asks for it until then.",
    removeForeignLead: "Its codes end on this device. Without them or a recovery code you may lose the account: switch off two-factor login there first.",
    removed: (/** @type {string} */ name) => `${name} was deleted`,
  },
  move: {
    title: (/** @type {string} */ name) => `Move “${name}”`,
    lead: "The token goes to another phone, which takes the code as any activation code. This phone works until then, and no longer.",
    pinHint: "Whoever has the code has the token.",
    mail: "Send me the code",
    show: "Show the code here",
    working: "Asking your organisation …",
    asked: "The code is being made.",
    sent: (/** @type {string} */ to) => `The code was sent to ${to}. Use it on the other phone within an hour.`,
    scan: "Scan this with the app on the other phone.",
    qr: "QR code that moves the token",
    until: "Waiting for the other phone.",
    cancel: "Keep it on this phone",
    cancelled: "The token stays on this phone",
    moved: (/** @type {string} */ name) => `${name} is on another phone now`,
    kept: "Codes of this phone are refused. The entry stays here until you delete it: look first whether the other phone shows its codes.",
    removeLead: "Delete it once the other phone shows its codes.",
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
    notices: "Notifications",
    noticesLead:
      "A notification that names nobody when a login waits while the app is closed. It goes through the push service of this browser’s maker, which learns that something waits for this device, and when.",
    noticesOn: "Notify me of logins",
    noticesOff: "No more notifications",
    noticesAreOn: "Logins are notified while the app is closed",
    noticesAreOff: "Logins are shown in the open app alone",
    backup: "Backup",
    export: "Save an encrypted backup",
    exportLead:
      "Tokens of other issuers, and the right to move those of your organisation to another device, under a passphrase. Whoever has both can take the tokens over.",
    exportNone: "There is no token that can be saved.",
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
  push: {
    title: "Is this you?",
    lead: (/** @type {string} */ name) => `Somebody logs in with the right password, and asks for “${name}”.`,
    user: "User",
    service: "Logs into",
    source: "From",
    time: "At",
    number: "Number",
    numberHint: "The two digits that your login shows",
    approve: "Approve",
    deny: "Deny",
    notMe: "It was not me",
    ignore: "Not now",
    left: (/** @type {number} */ seconds) => (seconds === 1 ? "1 second left" : `${seconds} seconds left`),
    clock: (/** @type {string} */ off) => `This device’s clock is ${off}. Switch on automatic time, or your codes may be refused.`,
    said: {
      approve: "Approved. The login goes on if the number is right.",
      deny: "Denied",
      "not-me": "Denied and reported: your administrator is warned",
    },
    endings: {
      withdrawn: "The login waits no longer",
      expired: "The time for this login is over",
      left: "The login waits in the list until its time is over",
    },
    waiting: (/** @type {number} */ count) => (count === 1 ? "A login waits for you." : `${count} logins wait for you.`),
    show: "Show the login",
  },
  update: {
    ready: "A new version of the app is ready.",
    take: "Load it",
  },
  notice: { title: "A login waits for you", body: "Open the app to answer it." },
  elsewhere: {
    title: "The app is open in another window",
    lead: "It works in one window at a time.",
    here: "Use it here",
  },
};

/** @typedef {typeof en} Texts */
