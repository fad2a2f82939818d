//! What assistive technology sees: the agreed roles and names, and nothing without a name.
#![cfg(target_os = "linux")]

use serde_json::Value;
use tests::{Stage, Window};

/// Agreed with everyone who drives the window from outside.
const CONTRACT: &[(&str, &str)] = &[
    ("button", "Hold to talk"),
    ("button", "Mute"),
    ("textbox", "Message"),
    ("button", "Send"),
    ("log", "Conversation"),
    ("button", "Settings"),
];

/// Faults of the visible page: nameless controls, repeated ids, labels that point nowhere, missing language,
/// more or less than one main region or first heading, text that is too faint.
const AUDIT: &str = r#"
const faults = [];
const isVisible = (e) => e.getClientRects().length > 0 && getComputedStyle(e).visibility !== 'hidden';
const text = (e) => (e?.textContent ?? '').trim();
const name = (e) => (e.getAttribute('aria-labelledby') ?? '').split(/\s+/).filter(Boolean).map((id) => text(document.getElementById(id))).join(' ')
  || e.getAttribute('aria-label') || [...(e.labels ?? [])].map(text).join(' ') || text(e) || e.title;
const all = [...document.querySelectorAll('body *')].filter(isVisible);
for (const e of all) {
  if (e.matches('button, a[href], input, select, textarea, [role=button], [role=dialog], dialog, [tabindex="0"]') && !name(e)) faults.push(`no name: ${e.outerHTML.slice(0, 120)}`);
  if (e.matches('img:not([alt]), [tabindex]:not([tabindex="0"]):not([tabindex="-1"])')) faults.push(`image or tab order: ${e.outerHTML.slice(0, 120)}`);
  if (e.matches('svg') && !e.closest('[aria-hidden=true]') && e.getAttribute('role') !== 'img' && !e.closest('button')) faults.push(`svg is read out: ${e.outerHTML.slice(0, 80)}`);
  if (e.matches('[aria-hidden=true]') && e.querySelector('button, a[href], input, textarea')) faults.push(`hidden control: ${e.outerHTML.slice(0, 120)}`);
}
for (const attribute of ['aria-labelledby', 'aria-describedby', 'aria-controls', 'for']) {
  for (const e of all.filter((e) => e.hasAttribute(attribute))) for (const id of e.getAttribute(attribute).split(/\s+/)) if (!document.getElementById(id)) faults.push(`${attribute} points nowhere: ${id}`);
}
const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) faults.push(`id used twice: ${id}`);
if (!document.documentElement.lang) faults.push('no language');
if (all.filter((e) => e.matches('main, [role=main]')).length !== 1) faults.push('not one main region');
if (all.filter((e) => e.matches('h1')).length !== 1) faults.push('not one first heading');

// Contrast, WCAG 2: at least 4.5, for large text 3. Colours are read back from a canvas, whatever their notation.
const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d', { willReadFrequently: true });
const rgba = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255]; };
const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
const behind = (e) => { const layers = []; for (let at = e; at; at = at.parentElement) { const c = rgba(getComputedStyle(at).backgroundColor); layers.push(c); if (c[3] === 1) break; } return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255, 1]); };
const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
for (const e of all) {
  const own = [...e.childNodes].filter((node) => node.nodeType === 3).map((node) => node.textContent.trim()).join('');
  const style = getComputedStyle(e);
  if (!own || e.closest(':disabled, [aria-disabled=true], .unseen, svg, noscript')) continue;
  let opacity = 1;
  for (let at = e; at; at = at.parentElement) opacity *= Number(getComputedStyle(at).opacity);
  const below = behind(e);
  const ink = rgba(style.color);
  const [a, b] = [light(over([ink[0], ink[1], ink[2], ink[3] * opacity], below)), light(below)].sort((x, y) => y - x);
  const contrast = (a + 0.05) / (b + 0.05);
  const size = parseFloat(style.fontSize);
  const wanted = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
  if (contrast < wanted - 0.05) faults.push(`contrast ${contrast.toFixed(2)} of “${own.slice(0, 40)}”`);
}
return faults;
"#;

async fn audit(window: &Window, place: &str) {
    let faults = window.script(AUDIT, &[]).await;
    let faults: Vec<_> = faults.as_array().unwrap().iter().filter_map(Value::as_str).map(str::to_owned).collect();
    assert!(faults.is_empty(), "{place}:\n{}", faults.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agreed_roles_and_names_are_there() {
    let stage = Stage::new();
    let window = Window::open(&stage).await;
    for (role, name) in CONTRACT {
        let element = window.find(role, name).await;
        let (computed_role, computed_name) = window.computed(&element).await;
        assert_eq!(computed_name, *name);
        assert!(computed_role.eq_ignore_ascii_case(role), "{name} is a {computed_role}, not a {role}");
    }
    window.until_status("Ready").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_has_faults_that_assistive_technology_stumbles_over() {
    for theme in ["light", "dark"] {
        let stage = Stage::new().with_settings(&format!("[appearance]\ntheme = '{theme}'"));
        let window = Window::open(&stage).await;
        window.fill("Message", "hello\u{e007}").await;
        window.until_said("You wrote: “hello”").await;
        window
            .until("the end of the answer", "return !!document.querySelector('li.assistant[data-delivery=complete]')")
            .await;
        audit(&window, &format!("conversation, {theme}")).await;
        window.click("button", "Devices").await;
        audit(&window, &format!("devices, {theme}")).await;
        window.click("button", "Settings").await;
        audit(&window, &format!("settings, {theme}")).await;
        window.click("button", "Back to the conversation").await;
        window.hold("button", "Hold to talk").await;
        window.until_text("No microphone found").await;
        window.let_go().await;
        audit(&window, &format!("problem, {theme}")).await;
        window.close().await;
        let stage =
            Stage::new().with_settings(&format!("[appearance]\ntheme = '{theme}'\n[first_run]\nis_done = false"));
        let window = Window::open(&stage).await;
        audit(&window, &format!("first run, {theme}")).await;
        window.click("button", "I have an OpenAI key").await;
        window.find("textbox", "OpenAI key").await;
        audit(&window, &format!("first run, key, {theme}")).await;
        window.click("button", "Skip for now").await;
        window.find("button", "Sound check").await;
        audit(&window, &format!("first run, sound check, {theme}")).await;
        window.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_has_what_is_written_or_opened_beside_it() {
    const CONTROL: char = '\u{e009}';
    const ESCAPE: char = '\u{e00c}';
    for theme in ["light", "dark"] {
        let stage = Stage::new().with_settings(&format!("[appearance]\ntheme = '{theme}'"));
        let window = Window::open(&stage).await;
        for question in ["table", "code", "sources", "think", "list"] {
            window.ask(question).await;
        }
        window.click("button", "Ask again").await;
        window.until_said("2/2").await;
        window.until_answered().await;
        audit(&window, &format!("answers, {theme}")).await;
        window.chord(&[CONTROL, 'f']).await;
        window.fill("Find in conversation", "moons").await;
        window.until_text("1 of 1").await;
        audit(&window, &format!("finding, {theme}")).await;
        window.chord(&[ESCAPE]).await;
        window.script("[...document.querySelectorAll('.edit')].at(-1).click()", &[]).await;
        audit(&window, &format!("editing, {theme}")).await;
        window.chord(&[ESCAPE]).await;
        window.chord(&[CONTROL, 'k']).await;
        window.until("models", "return document.querySelectorAll('#picker-list [role=option]').length > 0").await;
        audit(&window, &format!("models, {theme}")).await;
        window.chord(&[ESCAPE]).await;
        for (button, place) in [("Instructions", "instructions"), ("Export", "export"), ("Import", "import")] {
            window.click("button", button).await;
            audit(&window, &format!("{place}, {theme}")).await;
            window.chord(&[ESCAPE]).await;
        }
        window.click("button", "Settings").await;
        for group in ["Text", "Keys", "Cost and limits", "Local API"] {
            let go = format!(
                "[...document.querySelectorAll('.nav-link')].find((link) => link.textContent === {group:?}).click()"
            );
            window.script(&go, &[]).await;
            audit(&window, &format!("{group}, {theme}")).await;
        }
        window.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_control_is_reached_by_the_keyboard_and_shows_it() {
    let stage = Stage::new();
    let window = Window::open(&stage).await;
    window.until_status("Ready").await;
    let wanted = window.script(
        "return [...document.querySelectorAll('#talk-view button, #talk-view textarea')]
            .filter((e) => e.getClientRects().length > 0 && !e.disabled).map((e) => e.id || e.textContent)",
        &[],
    );
    let mut missing: Vec<String> =
        wanted.await.as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect();
    assert!(missing.len() >= 6, "{missing:?}");
    for _ in 0..40 {
        window.chord(&['\u{e004}']).await;
        let focus = window.script(
            "const e = document.activeElement; const s = getComputedStyle(e);
             return [e.id || e.textContent, s.outlineStyle !== 'none' || s.boxShadow !== 'none' || !!e.closest(':focus-within:not(body, html, main)')]",
            &[],
        );
        let focus = focus.await;
        assert!(focus[1] == true || focus[0] == "", "focus on {} is invisible", focus[0]);
        missing.retain(|id| focus[0] != *id.as_str());
    }
    assert!(missing.is_empty(), "never reached by Tab: {missing:?}");
    window.close().await;
}
