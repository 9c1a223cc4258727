"""Parts of which the wordings of refusals are put together, as regular expressions over a plain spelling."""

from __future__ import annotations


def one_of(*listed: str) -> str:
    """Any of the wordings listed with a comma and a blank between them, each a regular expression."""
    return f"(?:{'|'.join(wording for part in listed for wording in part.split(', '))})"


END = r"(?= ?(?:[.,;:!?\n]|$))"
_PEOPLE = one_of(
    "sister, brother, neighbou?r, partner, wife, husband, spouse, girlfriend, boyfriend, mother, father, parent, mum",
    "mom, dad, son, daughter, cousin, aunt, uncle, friend, boss, manager, colleague, coworker, teacher, coach",
    "employer, classmate, roommate, flatmate, teammate, landlord, doctor, rival, stranger, choir, team, club",
)
WHOSE = one_of(
    "her, his, their, others', someone, somebody, another person, other people, a stranger",
    r"(?:someone|somebody|anyone|anybody|everybody|another [a-z]+|one|a person|other people|people)(?: else)?(?:'s|s')",
    rf"(?:your|the|a) {_PEOPLE}(?:'s|s')",
)
_CRIME = one_of(
    r"cheat, steal, forg(?:e|ing|ery)\b, fak(?:e|ing)\b, l(?:ie|ying) (?:to|about|on (?:your|a) (?:cv|form))\b",
    r"spy, snoop, hack, stalk, commit",
    r"bully, harass, plagiari, falsif, impersonat, deceiv, defraud, sneak, smuggl, eavesdrop, scam, fabricat, humiliat",
    r"break(?:ing)? in(?:to)?\b, break(?:ing)? the law, bypass, vandal, pretend(?:ing)? to be\b, jam(?:ming)?\b, pirat",
    rf"(?:trick|embarrass|hurt|mock|insult)(?:ing)? (?:him|her|them|others|someone|somebody|people|your {_PEOPLE})\b",
    r"(?:sell|post|us|spread|writ|mak)(?:e|ing)? (?:(?:an?|up|[a-z]+) )?(?:fake|false|forged|rumou?rs?|lies)\b",
    r"invent(?:ing)? (?:an?|experience|facts)\b, claim(?:ing)? (?:[a-z]+ ){1,3}you (?:never|didn't)\b",
    r"get(?:ting)? (?:around|out of|past) (?:paying|the fee|a paywall), blackmail, slander",
)
_MEDDLE = one_of(
    "read, open, tak, copy, delet, look, go, log, access, check, track, follow, watch, search, redirect, record, view",
    "monitor, us, invad, intercept, post, publish, shar, show, get, hurt, keep, guess, pass, pick, wip",
)
# What somebody may be told not to do: wrong as such, or because it is about the things of others.
WRONG = rf"(?:(?:try|attempt)(?:ing)? (?:to )?)?(?:{_CRIME}|{_MEDDLE}[a-z]* (?:[a-z]+ ){{0,4}}?{WHOSE})"
# "That", where it stands for what was asked.
IT = one_of(
    r"(?:(?:do|try|attempt)(?:ing)? )?(?:that|this|it|so)(?: (?:at all|altogether|entirely|action|plan|idea|approach|"
    rf"course of action))?(?:{END}|(?= (?:and|as|because)\b))",
    r"such (?:a|an|things?|acts?|action|behaviou?r|conduct|practices)\b",
)

_BEFORE_MEANS = one_of(
    "you, anyone, anybody, someone, somebody, him, her, them, people, with, to, out, any, some, the, a, an, such",
    "those, these, that, this, kind of, sort of, type of, specific, detailed, exact, direct, explicit, practical, full",
    "further, your, actual, of, step by",
)
_MEANS = one_of(
    r"help, assistance, support, instructions?, advice, guidance, guides?, information, info, directions, steps?, tips",
    r"tricks?, hints?, pointers, ways?, means, methods?, techniques?, tactics, strateg(?:y|ies), suggestions?, ideas?",
    r"recommendations?, answers, content, tutorials?, walkthroughs?, recipes?, templates?, samples?, examples?",
    r"wording, procedures?, process, private, personal, confidential, location, what you, what to, that, this, it, any",
    r"these, those, anything(?: like)?, fake, false, forged, stolen",
    r"how(?! (?:much|many|often|long|far|happy|glad|grateful|sorry|good|excited|proud|useful|important|easy|hard)\b)",
)
_GIVE = one_of(
    "give, provide, offer, supply, share, show, tell, send, disclose, reveal, describe, explain, outline, detail, list",
    "specify, demonstrate, suggest, point, steer, walk, talk, take, lead, go into, get into",
)
_WRITE = one_of(
    "write, draft, compose, create, generate, produce, prepare, craft, design, come up with, invent, make up"
)
_UNTRUE = one_of(
    "that, this, it, such, anything, something, fake, false, forged, fraudulent, cruel, mean, hurtful, hateful, nasty",
    "dishonest, deceptive, misleading, untrue, phishing, counterfeit, bogus, made up, content, letters?, messages?",
    "notes?, reviews?, e ?mails?, texts?, posts?, essays?, reports?, lies, rumou?rs?, employer, certificates?",
    "excuses?, stor(?:y|ies), lie",
)
_REQUEST = r"(?: (?:to )?(?:that|this|it|your|the|such|any|requests?|questions?)\b)"
# What an assistant can't do when it declines. Idioms and limits are no part of it: "I can't help but ...", "I can't
# see your screen".
HELP = one_of(
    r"help(?:ing)?(?! (?:but|it|at|myself|[a-z]+ing)\b)",
    r"assist(?:ing)?, aid, abet, comply, cooperate, collaborate, oblige, fulfill?, condone, endorse, promote, support",
    r"facilitate, encourage, participate, partake, engage, enable, justify, contribute, instruct, coach, teach, guide",
    r"take part, get involved, go along, lend a hand, allow myself, go there(?! again), let you(?! down| know)",
    r"play (?:a|any) (?:part|role), have (?:a|any) part, be (?:a )?part(?:y)?, be involved, be complicit, be the one",
    r"be associated, be of (?:any )?(?:help|service|assistance|use), be helpful, be used (?:to|for)",
    r"(?:walk|talk|take|lead) you through, touch (?:that|this|it), go near (?:that|this|it)",
    r"do (?:that|this|it|so|what you|anything|such|any of)(?! (?:alone|often|by|without|on my own|today|tomorrow)\b)",
    rf"advise(?: you)?(?: on| about| that| this| how| to {WRONG}|{END}), discuss (?:that|this|it|how|such|ways)",
    rf"(?:answer|respond|reply|proceed|continue)(?: with|{_REQUEST}|{END})",
    rf"(?:process|complete|satisfy|grant|honou?r|accommodate|entertain|handle|act on|carry out){_REQUEST}",
    r"accept (?:this|that|your|such a) (?:request|task)",
    rf"(?:recommend|suggest) (?:(?!it\b){IT}|doing|trying|any|(?:that )?you (?:do|try)|{WRONG})",
    rf"{_GIVE} (?:{_BEFORE_MEANS} )*{_MEANS}",
    rf"{_WRITE} (?:(?:an?|the|any|some|such|your|you|for you|negative|bad) )*{_UNTRUE}",
    r"(?:make|post|send|spread|hand in) (?:(?:an?|any|the) )?(?:fake|false|forged|cruel|mean|hurtful|lies|rumou?rs)",
    rf"(?:access|get into|look into|look up|track|read|open|spy on) {WHOSE}",
    r"lie (?:for|to (?:him|her|them|your|anyone|people|others|an?|the)), pretend to be (?:you|your|him|her|some[a-z]+)",
    r"(?:cheat|steal|fake|forge|falsify|fabricate|deceive|defraud|impersonate|plagiari[sz]e|bully|harass|spy|hack|stalk)",
)
HELPING = one_of(
    "helping, assisting, aiding, doing (?:that|this|it), writing (?:that|this|it|an?|your), providing, offering",
    "supporting, sharing (?:that|this|any|ways|how), telling you how, teaching, taking part, participating, engaging",
    "getting involved, going there, giving you, suggesting, encouraging, condoning, creating, generating, fulfill?ing",
)
RULES = (
    r"(?:[a-z]{2,15} ){0,2}(?:guidelines|polic(?:y|ies)|principles|rules|programming|values|ethics|terms|standards)\b"
)

# Past an adjective of reproof "to" leads to what is wrong: "illegal to park there" is no reproof.
_ADJECTIVE_END = (
    rf"(?:{END}|(?= to (?:{WRONG}|help|assist|support|do (?:that|this|so)|(?:the )?others?\b|him|her|them|everyone))|"
    r"(?= (?:for|of) (?:me|us)\b| for you to\b| (?:and|or|nor|in|as|because|even|without|under|no|if|but|so|access|"
    r"acts?|activity|activities|behaviou?r|conduct|thing)\b))"
)
BAD = one_of(
    r"(?:illegal|unlawful|wrong(?!:)|inappropriate|unacceptable|harmful|irresponsible|hurtful|unauthori[sz]ed)"
    f"{_ADJECTIVE_END}",
    r"(?:unethical|immoral|dishonest|morally wrong|deceitful|disrespectful|deceptive|fraudulent)"
    rf"(?:{_ADJECTIVE_END}| to\b)",
    rf"against the (?:law|rules)(?! to (?!{WRONG}))",
    r"(?:an? |(?!not )[a-z]+ )?(?:fraud|theft|stealing|forgery|cheating|lying|plagiarism|stalking|misconduct|"
    r"dishonesty|trespass(?:ing)?|vandalism|harassment|bullying|spying|impersonation)\b(?! (?:on )?you\b)",
    r"an? (?:[a-z]+ ){0,2}(?:crime|offen[cs]e|violation|breach|form of|invasion|betrayal|lie)\b(?! that\b)",
    rf"never (?:ok|okay|right|acceptable|appropriate|justified){_ADJECTIVE_END}",
    r"neither (?:legal|ethical|right|honest)\b",
)
GOOD = (
    r"(?:legal(?! advice)|ethical|ok|okay|acceptable|appropriate|honest|fair|respectful|moral|right|cool)"
    rf"{_ADJECTIVE_END}"
)
# What others do to the user is bad as well, and no reproof.
OTHERS = (
    r"(?! of (?:him|her|them)(?! [a-z])| of your (?!school|class|university|company|employer|contract|office)|"
    r" (?:for|if) (?:your [a-z]+|him|her|them|others|any[a-z]+|some[a-z]+|people|an? [a-z]+)"
    r"(?: to)? [a-z]+ (?:[a-z]+ )?your?\b)"
)
