"""Filler in other languages: a diary register for each, in templates that need no agreement between slots."""

from __future__ import annotations

_NAMES = ("Anna", "Martin", "Carla", "Jonas", "Irene", "Viktor", "Clara", "Simon", "Julia", "Marco")
_SMALL = tuple(str(number) for number in range(2, 100))

GERMAN_SLOTS: dict[str, tuple[str, ...]] = {
    "name": _NAMES,
    "n": _SMALL,
    "day": ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"),
    "place": ("am Hafen", "auf dem Markt", "im Museum", "am Bahnhof", "im Park", "in der Bibliothek", "am Fluss"),
    "deed": ("gelesen", "geputzt", "geschlafen", "gekocht", "Radio gehört", "Briefe geschrieben", "aufgeräumt"),
    "weather": ("Regen", "Nebel", "Wind", "Schnee", "Sonnenschein", "Frost"),
}
GERMAN = (
    "Am {day} gab es {weather}, und ich habe {deed}.",
    "{name} war {place} und hat {n} Leute gezählt.",
    "Am Abend haben wir {deed} und an {name} gedacht.",
    "{place} habe ich {name} getroffen, trotz {weather}.",
    "{name} schreibt, dass es am {day} wieder {weather} geben soll.",
    "Nach {n} Minuten {place} ging {name} nach Hause.",
)
GERMAN_SHORT = ("Alles war still.", "Es wurde spät.", "Keine Post heute.", "Dann ging die Woche zu Ende.")

FRENCH_SLOTS: dict[str, tuple[str, ...]] = {
    "name": _NAMES,
    "n": _SMALL,
    "day": ("Lundi", "Mardi", "Mercredi", "Jeudi", "Vendredi", "Samedi", "Dimanche"),
    "place": ("au port", "au marché", "au musée", "à la gare", "au parc", "à la bibliothèque", "près du fleuve"),
    "deed": ("lire un roman", "ranger le grenier", "faire la cuisine", "écouter la radio", "écrire des lettres"),
    "weather": ("de la pluie", "du brouillard", "du vent", "de la neige", "du soleil", "du gel"),
}
FRENCH = (
    "{day}, il y avait {weather} et j'ai voulu {deed}.",
    "{name} a passé {n} minutes {place}.",
    "Le soir, nous avons pu {deed} avec {name}.",
    "{place}, j'ai parlé avec {name} malgré le temps.",
    "{name} écrit qu'il y aura encore {weather} {place}.",
    "{name} a voulu {deed} et a compté {n} vélos {place}.",
)
FRENCH_SHORT = ("Tout était calme.", "Il se faisait tard.", "Pas de lettre.", "Ainsi passa la semaine.")

SPANISH_SLOTS: dict[str, tuple[str, ...]] = {
    "name": _NAMES,
    "n": _SMALL,
    "day": ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
    "place": ("en el puerto", "en el mercado", "en el museo", "en la estación", "en el parque", "junto al río"),
    "deed": ("leer un rato", "ordenar el desván", "preparar la cena", "escuchar la radio", "escribir cartas"),
    "weather": ("lluvia", "niebla", "viento", "nieve", "sol", "escarcha"),
}
SPANISH = (
    "El {day} hubo {weather} y quise {deed}.",
    "{name} pasó {n} minutos {place}.",
    "Por la noche pudimos {deed} con {name}.",
    "Hablé con {name} {place}, a pesar de todo.",
    "{name} escribe que el {day} habrá {weather} otra vez.",
    "Antes de {deed}, {name} contó {n} bicicletas {place}.",
)
SPANISH_SHORT = ("Todo estaba tranquilo.", "Se hizo tarde.", "No hubo correo.", "Así pasó la semana.")

ITALIAN_SLOTS: dict[str, tuple[str, ...]] = {
    "name": _NAMES,
    "n": _SMALL,
    "day": ("Lunedì", "Martedì", "Mercoledì", "Giovedì", "Venerdì", "Sabato"),
    "place": ("al porto", "al mercato", "al museo", "alla stazione", "al parco", "in biblioteca", "lungo il fiume"),
    "deed": ("leggere un po'", "riordinare la soffitta", "preparare la cena", "ascoltare la radio", "scrivere"),
    "weather": ("pioggia", "nebbia", "vento", "neve", "sole", "gelo"),
}
ITALIAN = (
    "{day} c'era {weather} e ho voluto {deed}.",
    "{name} ha passato {n} minuti {place}.",
    "La sera abbiamo potuto {deed} con {name}.",
    "Ho parlato con {name} {place}, nonostante tutto.",
    "{name} scrive che ci sarà ancora {weather} {place}.",
    "Prima di {deed}, {name} ha contato {n} biciclette {place}.",
)
ITALIAN_SHORT = ("Tutto era calmo.", "Si fece tardi.", "Niente posta.", "Così passò la settimana.")

RUSSIAN_SLOTS: dict[str, tuple[str, ...]] = {
    "name": ("Анна", "Иван", "Мария", "Олег", "Вера", "Павел", "Ольга", "Борис"),
    "n": _SMALL,
    "day": ("В понедельник", "Во вторник", "В среду", "В четверг", "В пятницу", "В субботу", "В воскресенье"),
    "place": ("в порту", "на рынке", "в музее", "на вокзале", "в парке", "в библиотеке", "у реки"),
    "deed": ("читать", "убирать дом", "готовить ужин", "слушать радио", "писать письма", "спать"),
    "weather": ("дождь", "туман", "ветер", "снег", "солнце", "мороз"),
}
RUSSIAN = (
    "{day} был обычный день, и мы стали {deed}.",
    "{name} пишет: опять {weather}, пора {deed}.",
    "{day} {name} будет {place}, если не помешает {weather}.",
    "Вечером можно {deed} или гулять {place}.",
    "Вечером {name} любит {deed}, даже если кругом {weather}.",
    "{place} стоит автобус номер {n}, рядом {name}.",
)
RUSSIAN_SHORT = ("Всё было тихо.", "Стало поздно.", "Писем нет.", "Так прошла неделя.")
