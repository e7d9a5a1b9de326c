"""The demonstration that tools/quickstart runs on a private server.

  story       how it speaks: scenes, timed steps, tables
  server      the private server: sessions, its replica, its archive
  collection  the data: clustered vectors in partitions, their enrolment
  watch       following lambda and the state until something is true
  faults      what is done to the server, and how it is undone
  audit       the chain: verified inside, exported, verified outside
"""
