//! Where settings, data, cache and logs belong on each platform.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use engine::Paths;

const NAME: &str = "sidetone";

/// The platform's own places, from the environment that `variable` looks into.
pub(crate) fn of(variable: impl Fn(&str) -> Option<OsString>) -> Paths {
    if cfg!(target_os = "windows") {
        windows(variable)
    } else if cfg!(target_os = "macos") {
        mac(variable)
    } else {
        xdg(variable)
    }
}

/// XDG Base Directory Specification 0.8: a variable counts only when it holds an absolute path.
fn xdg(variable: impl Fn(&str) -> Option<OsString>) -> Paths {
    let home = home(variable("HOME"));
    let place = |name: &str, default: &str| {
        let chosen = variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        chosen.unwrap_or_else(|| home.join(default)).join(NAME)
    };
    Paths {
        config: place("XDG_CONFIG_HOME", ".config"),
        data: place("XDG_DATA_HOME", ".local/share"),
        cache: place("XDG_CACHE_HOME", ".cache"),
        log: place("XDG_STATE_HOME", ".local/state"),
    }
}

fn mac(variable: impl Fn(&str) -> Option<OsString>) -> Paths {
    let library = home(variable("HOME")).join("Library");
    let support = library.join("Application Support").join(NAME);
    Paths {
        config: support.clone(),
        data: support,
        cache: library.join("Caches").join(NAME),
        log: library.join("Logs").join(NAME),
    }
}

fn windows(variable: impl Fn(&str) -> Option<OsString>) -> Paths {
    let home = home(variable("USERPROFILE"));
    let place = |name: &str, default: &str| {
        let chosen = variable(name).filter(|path| !path.is_empty()).map(PathBuf::from);
        chosen.unwrap_or_else(|| home.join("AppData").join(default)).join(NAME)
    };
    let local = place("LOCALAPPDATA", "Local");
    Paths {
        config: place("APPDATA", "Roaming"),
        data: local.join("data"),
        cache: local.join("cache"),
        log: local.join("logs"),
    }
}

/// Without a home folder (a bare container) the temporary folder is better than the working folder.
fn home(variable: Option<OsString>) -> PathBuf {
    variable.map(PathBuf::from).filter(|path| path != Path::new("")).unwrap_or_else(env::temp_dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(set: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<OsString> {
        |name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
    }

    #[test]
    fn linux_defaults_lie_under_the_home_folder() {
        let paths = xdg(variables(&[("HOME", "/home/ada")]));
        assert_eq!(paths.config, Path::new("/home/ada/.config/sidetone"));
        assert_eq!(paths.data, Path::new("/home/ada/.local/share/sidetone"));
        assert_eq!(paths.cache, Path::new("/home/ada/.cache/sidetone"));
        assert_eq!(paths.log, Path::new("/home/ada/.local/state/sidetone"));
    }

    #[test]
    fn xdg_variables_are_honoured_when_absolute() {
        let paths = xdg(variables(&[
            ("HOME", "/home/ada"),
            ("XDG_CONFIG_HOME", "/c"),
            ("XDG_DATA_HOME", "/d"),
            ("XDG_CACHE_HOME", "relative"),
            ("XDG_STATE_HOME", ""),
        ]));
        assert_eq!(paths.config, Path::new("/c/sidetone"));
        assert_eq!(paths.data, Path::new("/d/sidetone"));
        assert_eq!(paths.cache, Path::new("/home/ada/.cache/sidetone"));
        assert_eq!(paths.log, Path::new("/home/ada/.local/state/sidetone"));
    }

    #[test]
    fn mac_places_lie_in_the_library() {
        let paths = mac(variables(&[("HOME", "/Users/ada")]));
        assert_eq!(paths.config, Path::new("/Users/ada/Library/Application Support/sidetone"));
        assert_eq!(paths.data, paths.config);
        assert_eq!(paths.cache, Path::new("/Users/ada/Library/Caches/sidetone"));
        assert_eq!(paths.log, Path::new("/Users/ada/Library/Logs/sidetone"));
    }

    #[test]
    fn windows_keeps_settings_roaming_and_the_rest_local() {
        let paths = windows(variables(&[("APPDATA", "/R"), ("LOCALAPPDATA", "/L")]));
        assert_eq!(paths.config, Path::new("/R/sidetone"));
        assert_eq!(paths.data, Path::new("/L/sidetone/data"));
        assert_eq!(paths.cache, Path::new("/L/sidetone/cache"));
        assert_eq!(paths.log, Path::new("/L/sidetone/logs"));
        let paths = windows(variables(&[("USERPROFILE", "/U")]));
        assert_eq!(paths.config, Path::new("/U/AppData/Roaming/sidetone"));
    }

    #[test]
    fn without_a_home_nothing_lands_in_the_working_folder() {
        for paths in [xdg(variables(&[])), mac(variables(&[])), windows(variables(&[]))] {
            for path in [paths.config, paths.data, paths.cache, paths.log] {
                assert!(path.is_absolute(), "{}", path.display());
            }
        }
    }
}
